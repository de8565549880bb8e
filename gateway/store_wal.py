"""Reads a write-ahead log frame by frame, beyond what SQLite would (SQLite file format, 4).

SQLite takes a log up to its first wrong frame, as if power had failed there. After a power cut
that is right: the rest was never acknowledged. But where whole transactions follow, the wrong
frame has rotted, and what follows was acknowledged.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.store_pages import PAGE_BYTES

BIG_ENDIAN = 0x377F0683
_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")
FRAME_BYTES = _FRAME.size + PAGE_BYTES
_MASK = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class _Frame:
    page: int
    is_commit: bool
    is_good: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class Log:
    """What a log holds: `pages`, the newest committed version of each.

    Where it is damaged, nobody knows what is the newest: `others` are all other versions.
    """

    pages: dict[int, bytes]
    others: tuple[bytes, ...]
    is_damaged: bool


def read(content: bytes) -> Log:
    """Return what the log `content` holds; nothing in it is trusted."""
    frames = list(_frames(content))
    while frames and not frames[-1].is_good:
        frames.pop()
    wrong = next((index for index, each in enumerate(frames) if not each.is_good), len(frames))
    # SQLite has synced a log's header before the first frame follows.
    is_damaged = bool(frames) and not _is_header_good(content) or _has_rotted(frames, wrong)
    commits = [index for index, each in enumerate(frames) if each.is_good and each.is_commit
               and (is_damaged or index < wrong)]
    committed = frames[: commits[-1] + 1] if commits else []
    newest = {frame.page: frame for frame in committed if frame.is_good}
    others = [each.data for each in frames if newest.get(each.page) is not each]
    pages = {page: frame.data for page, frame in newest.items()}
    return Log(pages, tuple(others) if is_damaged else (), is_damaged)


def _has_rotted(frames: list[_Frame], wrong: int) -> bool:
    """Return whether a transaction follows the one that the frame `wrong` belongs to.

    It was begun after the sync of the one before it.
    """
    commits = [each for each in frames[wrong:] if each.is_commit]
    # SQLite repeats the last frame of a transaction where it must fill a sector.
    ends = [each for index, each in enumerate(commits)
            if index == 0 or (each.page, each.data) != (commits[index - 1].page,
                                                        commits[index - 1].data)]
    return len(ends) > 1


def _frames(content: bytes) -> Iterator[_Frame]:
    """Give the log's frames; those of an older generation have another salt, and are wrong."""
    if len(content) < _HEADER.size + FRAME_BYTES:
        return
    _, _, _, _, *salt, first, second = _HEADER.unpack_from(content)
    order = _order(content)
    seed = first, second
    if not _is_header_good(content):
        salt = list(_FRAME.unpack_from(content, _HEADER.size)[2:4])
    for offset in range(_HEADER.size, len(content) - FRAME_BYTES + 1, FRAME_BYTES):
        page, size, *marks = _FRAME.unpack_from(content, offset)
        data = content[offset + _FRAME.size : offset + FRAME_BYTES]
        checked = content[offset : offset + 8] + data
        stored = marks[2], marks[3]
        is_ours = marks[:2] == salt
        is_good = is_ours and page > 0 and _checksum(order, checked, seed) == stored
        yield _Frame(page, is_ours and size != 0, is_good, data)
        seed = stored


def _is_header_good(content: bytes) -> bool:
    stored = _HEADER.unpack_from(content)[6:]
    return _checksum(_order(content), content[:24], (0, 0)) == stored


def _order(content: bytes) -> str:
    return ">" if _HEADER.unpack_from(content)[0] == BIG_ENDIAN else "<"


def _checksum(order: str, data: bytes, seed: tuple[int, int]) -> tuple[int, int]:
    first, second = seed
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for index in range(0, len(words), 2):
        first = (first + words[index] + second) & _MASK
        second = (second + words[index + 1] + first) & _MASK
    return first, second
