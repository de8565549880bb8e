"""What stands in a node's journal, read from its flash as the node itself would."""

from collections.abc import Iterable
from typing import Protocol

from firmware import journal_record
from firmware.journal import ReadingTaken
from protocol.errors import DecodeError

LANES = ("ja", "je", "jm")


class Flash(Protocol):
    """What is asked of a node's store."""

    def read(self, key: str) -> bytes | None:
        """Return an entry."""

    def keys(self, prefix: str) -> Iterable[str]:
        """Return the names of the entries that begin so."""


def readings_on(flash: Flash) -> list[ReadingTaken]:
    """Return the numbered readings on a flash, by boot and number; acknowledged ones may be there.

    Bytes that are no whole record are passed over.
    """
    found = [reading for lane in LANES for key in sorted(flash.keys(lane))
             for reading in _readings(flash.read(key) or b"")]
    return sorted(found, key=lambda reading: (reading.boot, reading.sequence))


def ranges_of(numbers: Iterable[tuple]) -> tuple[tuple, ...]:
    """Return sorted ids whose last item is a number as ranges: (..., first, last)."""
    ranges: list[list] = []
    for *names, number in sorted(numbers):
        if ranges and ranges[-1][:-2] == names and number <= ranges[-1][-1] + 1:
            ranges[-1][-1] = number
        else:
            ranges.append([*names, number, number])
    return tuple(map(tuple, ranges))


def _readings(data: bytes) -> list[ReadingTaken]:
    found = []
    for record in journal_record.scan(data):
        # No record, or one of readings without numbers.
        if record is None or not record[1]:
            continue
        try:
            found += [ReadingTaken(each.boot, each.sequence, each.path, each.value,
                                   each.uptime_ms)
                      for each in journal_record.readings(data, record)]
        except DecodeError:
            continue
    return found
