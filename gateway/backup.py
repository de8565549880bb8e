"""A backup as one archive: what the gateway was set to, what it stored, and its key.

A tar stream, so that the rest of the world can read what was unsealed, of
`backup.json`, `gateway.toml`, `keys.key` and `faubourg.db`, in this order, each once.
"""

import os
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from gateway.sealed_file import SealedFileError

# Says, over HTTP, since when what is made may not be in the archive (Unix ms).
MADE_HEADER = "Faubourg-Made-Ms"
FORMAT = 1
MANIFEST, SETTINGS, KEY, STORE = "backup.json", "gateway.toml", "keys.key", "faubourg.db"
_MEMBERS = (MANIFEST, SETTINGS, KEY, STORE)
SMALL_BYTES_MAX = 1 << 20
READ_BYTES = 1 << 20
# POSIX's numbers end at 8 GiB, a store's bound at 1 TiB: GNU's go on.
_TAR = tarfile.GNU_FORMAT


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup is of: the gateway's id, the release that wrote it, when (Unix ms)."""

    gateway: str
    release: str
    made_ms: int
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Contents:
    """What was in a backup, but for the store, which is in a file of its own."""

    manifest: Manifest
    settings: bytes
    key: bytes


def archive(contents: Contents, store: Path) -> Iterator[bytes]:
    """Yield the archive piece by piece; `store` is the file of a copied store."""
    manifest = msgspec.json.encode(contents.manifest)
    small = zip(_MEMBERS, (manifest, contents.settings, contents.key.hex().encode()))
    for name, data in small:
        yield _header(name, len(data)) + data + _padding(len(data))
    with store.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        yield _header(STORE, size)
        while piece := file.read(READ_BYTES):
            yield piece
    yield _padding(size) + bytes(2 * tarfile.BLOCKSIZE)


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member.tobuf(_TAR)


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)


def extract(file: BinaryIO, place: Callable[[Contents], Path]) -> Contents:
    """Return what the archive that `file` reads holds.

    Its store is written to the file that `place(contents)` names, mode 0600, and nothing else
    anywhere, whatever the archive says. Raises SealedFileError.
    """
    try:
        with tarfile.open(fileobj=file, mode="r|") as members:
            small = [_member(members, name).read(SMALL_BYTES_MAX) for name in _MEMBERS[:-1]]
            contents = Contents(_manifest(small[0]), small[1], _key(small[2]))
            store = place(contents)
            _write(_member(members, STORE), store)
    except tarfile.TarError as error:
        raise SealedFileError(f"no backup: {error}") from error
    # To its end: only then it is certain that nothing was cut off.
    while file.read(READ_BYTES):
        pass
    return contents


def _member(members: tarfile.TarFile, name: str) -> BinaryIO:
    found = members.next()
    if found is None or found.name != name or not found.isfile():
        raise SealedFileError(f"no backup: {name} is not in its place")
    return members.extractfile(found)


def _write(content: BinaryIO, path: Path) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while piece := content.read(READ_BYTES):
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def _manifest(data: bytes) -> Manifest:
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.DecodeError as error:
        raise SealedFileError(f"no backup: {error}") from error
    if manifest.format != FORMAT:
        raise SealedFileError(f"a backup of format {manifest.format}, of release "
                              f"{manifest.release}: this release knows {FORMAT}")
    return manifest


def _key(data: bytes) -> bytes:
    try:
        return bytes.fromhex(data.decode("ascii"))
    except ValueError:
        raise SealedFileError("no backup: its key is none") from None
