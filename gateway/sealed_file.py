"""Files under a passphrase: scrypt (RFC 7914), then AES-256-GCM chunk by chunk.

A file is "faubourg", a format byte, a kind byte, log2 of scrypt's N, a salt of 16 bytes; then
chunks, each sealed with its number and whether it is the last one as nonce and all of the above
as associated data (the STREAM construction): nothing can be cut, added, exchanged or turned.
"""

import os
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

MAGIC = b"faubourg"
FORMAT = 1
KEYS, BACKUP = 1, 2
KIND_NAMES = {KEYS: "keys that were exported", BACKUP: "a backup"}

# 64 MiB and a quarter of a second: each guess of a passphrase costs that much.
SCRYPT_LOG_N, SCRYPT_LOG_N_MAX, SCRYPT_R, SCRYPT_P = 16, 20, 8, 1
SALT_BYTES = 16
KEY_BYTES = 32
CHUNK_BYTES = 1 << 16
TAG_BYTES = 16
PASSPHRASE_LENGTH_MIN = 12
_HEADER_BYTES = len(MAGIC) + 3 + SALT_BYTES


class SealedFileError(Exception):
    """The file cannot be opened, or its passphrase is none; it holds no secret."""


class SealedWriter:
    """Writes to `file` sealed; only what `close` has ended can be read again."""

    def __init__(self, file: BinaryIO, kind: int, passphrase: str) -> None:
        salt = os.urandom(SALT_BYTES)
        header = MAGIC + bytes((FORMAT, kind, SCRYPT_LOG_N)) + salt
        self._chunks = _Chunks(header, passphrase)
        self._file = file
        self._waiting = bytearray()
        file.write(header)

    def write(self, data: bytes) -> int:
        """Seal `data`; return its length, as files do."""
        self._waiting += data
        while len(self._waiting) > CHUNK_BYTES:
            self._file.write(self._chunks.seal(bytes(self._waiting[:CHUNK_BYTES]), False))
            del self._waiting[:CHUNK_BYTES]
        return len(data)

    def close(self) -> None:
        """Seal the last chunk; `file` stays open."""
        self._file.write(self._chunks.seal(bytes(self._waiting), True))


class SealedReader:
    """Reads what a SealedWriter has written to `file`; every byte it gives is authentic.

    Raises SealedFileError from the first byte on that is not what was written, and where the file
    is of another kind or the passphrase wrong.
    """

    def __init__(self, file: BinaryIO, kind: int, passphrase: str) -> None:
        header = file.read(_HEADER_BYTES)
        _check(header, kind)
        self._chunks = _Chunks(header, passphrase)
        self._file = file
        self._ready = b""
        self._coming = file.read(CHUNK_BYTES + TAG_BYTES)
        self._has_ended = False
        self._advance()

    def read(self, size: int = -1) -> bytes:
        """Return `size` bytes, fewer only at the end; all there are without `size`."""
        found = bytearray()
        while size < 0 or len(found) < size:
            if not self._ready:
                if self._has_ended:
                    break
                self._advance()
                continue
            wanted = len(self._ready) if size < 0 else size - len(found)
            found += self._ready[:wanted]
            self._ready = self._ready[wanted:]
        return bytes(found)

    def _advance(self) -> None:
        chunk, self._coming = self._coming, self._file.read(CHUNK_BYTES + TAG_BYTES)
        self._has_ended = not self._coming
        self._ready = self._chunks.open(chunk, self._has_ended)


class _Chunks:
    """Seals or opens the chunks of one file, in order."""

    def __init__(self, header: bytes, passphrase: str) -> None:
        log_n, salt = header[-SALT_BYTES - 1], header[-SALT_BYTES:]
        scrypt = Scrypt(salt=salt, length=KEY_BYTES, n=1 << log_n, r=SCRYPT_R, p=SCRYPT_P)
        self._cipher = AESGCM(scrypt.derive(passphrase.encode()))
        self._header = header
        self._number = 0

    def seal(self, plain: bytes, is_last: bool) -> bytes:
        return self._cipher.encrypt(self._next_nonce(is_last), plain, self._header)

    def open(self, sealed: bytes, is_last: bool) -> bytes:
        is_first = self._number == 0
        try:
            return self._cipher.decrypt(self._next_nonce(is_last), sealed, self._header)
        except (InvalidTag, ValueError):
            reason = ("the passphrase is wrong, or the file has changed" if is_first else
                      "the file was cut or has changed")
            raise SealedFileError(reason) from None

    def _next_nonce(self, is_last: bool) -> bytes:
        nonce = self._number.to_bytes(11, "big") + bytes((is_last,))
        self._number += 1
        return nonce


def _check(header: bytes, kind: int) -> None:
    if len(header) < _HEADER_BYTES or not header.startswith(MAGIC):
        raise SealedFileError("it is no sealed file of faubourg")
    version, found, log_n = header[len(MAGIC):len(MAGIC) + 3]
    if version != FORMAT:
        raise SealedFileError(f"format {version}: written by a newer release; this one knows "
                              f"{FORMAT}")
    if found != kind:
        holds = KIND_NAMES.get(found, f"kind {found}")
        raise SealedFileError(f"it holds {holds}, and wanted is {KIND_NAMES[kind]}")
    # The header is believed only afterwards: it must not cost more memory than there is.
    if not 10 <= log_n <= SCRYPT_LOG_N_MAX:
        raise SealedFileError("its header has changed")
