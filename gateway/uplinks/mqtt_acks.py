"""The consumer's acknowledgements, JSON on a gateway's `ack` topic; `docs/integration.md`.

`{"acks": [{"node": "urn:dev:mac:0200...", "id": "7:1-20,25"}, ...]}`: the consumer has, for good,
every reading whose identity an entry lists. Entries need not be cut as the messages were.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from gateway import sequence_ranges
from protocol.errors import DecodeError

PAYLOAD_LENGTH_MAX = 1 << 20
ENTRIES_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Readings of one node and one boot that the consumer has."""

    endpoint: str
    boot: str  # all of the key before its last colon, "unsequenced:epoch" included
    ranges: tuple[tuple[int, int], ...]

    def holds(self, number: int) -> bool:
        """Return whether `number` is acknowledged."""
        return any(first <= number <= last for first, last in self.ranges)


def parse(payload: bytes) -> tuple[list[Acknowledgement], int]:
    """Return the acknowledgements in a message, and how many of its entries are malformed.

    Raises ValueError when the message as a whole is none. Unknown keys are ignored.
    """
    if len(payload) > PAYLOAD_LENGTH_MAX:
        raise ValueError(f"longer than {PAYLOAD_LENGTH_MAX} bytes")
    try:
        entries = json.loads(payload)["acks"]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise ValueError('not JSON with a list "acks"') from error
    if not isinstance(entries, list) or len(entries) > ENTRIES_MAX:
        raise ValueError(f'"acks" is no list of at most {ENTRIES_MAX}')
    found = [_entry(entry) for entry in entries]
    good = [each for each in found if each is not None]
    return good, len(found) - len(good)


def _entry(entry: object) -> Acknowledgement | None:
    if not isinstance(entry, dict):
        return None
    node, key = entry.get("node"), entry.get("id")
    if not isinstance(node, str) or not isinstance(key, str):
        return None
    boot, colon, ranges = key.rpartition(":")
    try:
        pairs = tuple(sequence_ranges.parse(ranges))
    except DecodeError:
        return None
    return Acknowledgement(node, boot, pairs) if colon and pairs else None


def render(acknowledged: Iterable[tuple[str, str]]) -> bytes:
    """Return the message that acknowledges each (node, id), as a consumer publishes it."""
    entries = [{"node": node, "id": key} for node, key in acknowledged]
    return json.dumps({"acks": entries}).encode()
