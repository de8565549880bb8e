"""The nodes' keys at rest: AES-256-GCM (NIST SP 800-38D) under the gateway's own key.

The key is in a file of 64 hex digits, mode 0600, or a systemd credential (`LoadCredential=`,
systemd.exec(5)): a copied database is worthless without it.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway import private_file
from gateway.private_file import NotPrivate

CREDENTIAL = "faubourg-keys"
KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
VERSION = b"\x01"

RandomBytes = Callable[[int], bytes]


class VaultError(Exception):
    """The key cannot be had, or what is sealed was not sealed under it; it holds no secret."""


class Vault:
    """Seals and opens what is stored, under one key of 32 bytes.

    Random nonces: one key may seal 2**32 times (SP 800-38D 8.3); a context is sealed once.
    """

    def __init__(self, key: bytes, random_bytes: RandomBytes = os.urandom) -> None:
        if len(key) != KEY_BYTES:
            raise VaultError(f"a key has {KEY_BYTES} bytes, this one {len(key)}")
        self._cipher = AESGCM(key)
        self._random_bytes = random_bytes

    def seal(self, plain: bytes, label: bytes) -> bytes:
        """Return `plain` so that only `open` with the same label gives it back."""
        nonce = self._random_bytes(NONCE_BYTES)
        return VERSION + nonce + self._cipher.encrypt(nonce, plain, VERSION + label)

    def open(self, sealed: bytes, label: bytes) -> bytes:
        """Return what was sealed with `label`.

        Raises VaultError if it was sealed under another key or label, or has changed since.
        """
        if sealed[:1] != VERSION or len(sealed) < 1 + NONCE_BYTES + TAG_BYTES:
            raise VaultError("not sealed by this release of faubourg")
        nonce, secret = sealed[1:1 + NONCE_BYTES], sealed[1 + NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, secret, VERSION + label)
        except InvalidTag:
            raise VaultError("sealed under another key, or changed since") from None


def load(
    key_file: str | Path,
    *,
    may_make: bool,
    environment: Mapping[str, str] = os.environ,
    random_bytes: RandomBytes = os.urandom,
) -> Vault:
    """Return the vault of this gateway: the systemd credential `faubourg-keys`, else `key_file`.

    A key file that is not there is made if `may_make`: never where something is sealed already,
    since a new key would open none of it. Raises VaultError, which says what to do.
    """
    key = load_key(
        key_file, may_make=may_make, environment=environment, random_bytes=random_bytes)
    return Vault(key, random_bytes)


def load_key(
    key_file: str | Path,
    *,
    may_make: bool,
    environment: Mapping[str, str] = os.environ,
    random_bytes: RandomBytes = os.urandom,
) -> bytes:
    """Return the key itself, as `load` finds it."""
    credential = Path(environment.get("CREDENTIALS_DIRECTORY", ""), CREDENTIAL)
    is_handed_over = "CREDENTIALS_DIRECTORY" in environment and credential.exists()
    if may_make and not is_handed_over and not os.path.lexists(key_file):
        _make(key_file, random_bytes)
    try:
        # systemd shows a credential to the service alone; its mode may be 0440 with an ACL.
        content = credential.read_bytes() if is_handed_over else private_file.read(key_file)
    except FileNotFoundError:
        raise VaultError(
            f"the key file {key_file} is not there, and the store's keys are sealed under it. "
            "Put it back, or restore a backup ('faubourg restore')"
        ) from None
    except NotPrivate as error:
        raise VaultError(f"keys.key_file: {error}") from error
    except OSError as error:
        raise VaultError(f"the key file {key_file}: {error.strerror or error}") from error
    return _decoded(content, credential if is_handed_over else Path(key_file))


def _make(path: str | Path, random_bytes: RandomBytes) -> None:
    key = random_bytes(KEY_BYTES)
    try:
        private_file.write_new(path, key.hex().encode() + b"\n")
    except OSError as error:
        raise VaultError(f"the key file {path} cannot be made: {error.strerror}") from error


def _decoded(content: bytes, path: Path) -> bytes:
    try:
        key = bytes.fromhex(content.decode("ascii").strip())
    except ValueError:
        key = b""
    # The error shows nothing of a file that may be almost a key.
    if len(key) != KEY_BYTES:
        raise VaultError(f"{path} holds no key: {2 * KEY_BYTES} hex digits are needed")
    return key
