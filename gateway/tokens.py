"""The tokens of the HTTP port: a file of names, roles and SHA-256 digests, never of tokens.

One line each: `name role digest`, mode 0600. What is changed in the file counts at once.
"""

import hashlib
import hmac
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from gateway import private_file
from gateway.doors import ROLES, Role
from gateway.private_file import NotPrivate

PREFIX = "faubourg_"
TOKEN_BYTES = 32
TOKENS_MAX = 256
FILE_BYTES_MAX = 65_536
NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class TokensError(Exception):
    """The file cannot be used, or a token not be made; the text says why."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is kept: its digest gives nobody the token."""

    name: str
    role: Role
    digest: str


class Tokens:
    """The tokens in the file at `path`; one that is not there holds none."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._seen: tuple[int, ...] | None = None
        self._tokens: tuple[Token, ...] = ()

    def all(self) -> tuple[Token, ...]:
        """Return every token. Raises TokensError."""
        try:
            about = os.stat(self._path)
        except FileNotFoundError:
            self._seen, self._tokens = None, ()
            return ()
        except OSError as error:
            raise TokensError(f"{self._path}: {error.strerror or error}") from error
        seen = (about.st_ino, about.st_mtime_ns, about.st_size, about.st_mode, about.st_ctime_ns)
        if seen != self._seen:
            self._tokens = self._read()
            self._seen = seen
        return self._tokens

    def find(self, presented: str) -> Token | None:
        """Return the token that somebody presented. Raises TokensError.

        Every digest is compared, in a time that does not tell how much of one was right.
        """
        digest = _digest(presented)
        found = None
        for token in self.all():
            if hmac.compare_digest(token.digest, digest):
                found = token
        return found

    def add(self, name: str, role: Role) -> str:
        """Make a token and return it: nobody can have it again. Raises TokensError."""
        tokens = self.all()
        if not NAME.fullmatch(name):
            raise TokensError(f"{name!r}: a name has 1 to 64 letters, digits, dots, - and _")
        if any(token.name == name for token in tokens):
            raise TokensError(f"there is a token {name} already; remove it first")
        if len(tokens) >= TOKENS_MAX:
            raise TokensError(f"there are {TOKENS_MAX} tokens already")
        token = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        self._write((*tokens, Token(name, role, _digest(token))))
        return token

    def remove(self, name: str) -> Token:
        """Take a token back: nobody gets in with it any more. Raises TokensError."""
        tokens = self.all()
        removed = next((token for token in tokens if token.name == name), None)
        if removed is None:
            raise TokensError(f"there is no token {name!r}")
        self._write(tuple(token for token in tokens if token != removed))
        return removed

    def _read(self) -> tuple[Token, ...]:
        try:
            text = private_file.read(self._path).decode()
        except NotPrivate as error:
            raise TokensError(str(error)) from error
        except (OSError, UnicodeDecodeError) as error:
            raise TokensError(f"{self._path}: {error}") from error
        if len(text) > FILE_BYTES_MAX:
            raise TokensError(f"{self._path}: longer than {FILE_BYTES_MAX} bytes")
        lines = ((number, line.split()) for number, line in enumerate(text.splitlines(), 1))
        return tuple(self._token(number, words) for number, words in lines
                     if words and not words[0].startswith("#"))

    def _token(self, number: int, words: list[str]) -> Token:
        if (len(words) != 3 or not NAME.fullmatch(words[0]) or words[1] not in ROLES
                or not _DIGEST.fullmatch(words[2])):
            allowed = "name, role (view, operate or admin), SHA-256 in hex"
            raise TokensError(f"{self._path}: line {number}: allowed is: {allowed}")
        return Token(words[0], ROLES[words[1]], words[2])

    def _write(self, tokens: tuple[Token, ...]) -> None:
        lines = (f"{token.name} {token.role.word} {token.digest}\n" for token in tokens)
        part = self._path.with_name(f"{self._path.name}.{os.urandom(8).hex()}.part")
        try:
            private_file.write_new(part, "".join(lines).encode())
            os.replace(part, self._path)
            private_file.sync_folder(self._path.parent)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise TokensError(f"{self._path}: {error.strerror or error}") from error


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
