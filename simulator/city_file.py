"""The city's end of the demo: what the `file` uplink delivered, and the store it left."""

import json
from collections import Counter, deque
from pathlib import Path

from gateway import sequence_ranges
from gateway.names import name_of
from gateway.rows import Lane
from gateway.store import Store
from protocol import lwm2m_path
from simulator.account import ReadingId
from simulator.demo_screen import READINGS_SHOWN_MAX, ShownReading

STORE_READ_MAX = 5000
SENSOR_VALUE = 5700
_UNITS = {"/100": "%", "Cel": "°C"}


class CityFile:
    """Follows the uplink's file as it grows; counts every delivery of every reading."""

    def __init__(self, path: Path, utc_offset_s: int, names: dict[str, str]) -> None:
        self._path = path
        self._utc_offset_s = utc_offset_s
        self._names = names
        self._position = 0
        self._latest: deque[ShownReading] = deque(maxlen=READINGS_SHOWN_MAX)
        self.delivered: Counter[ReadingId] = Counter()

    def read_on(self) -> None:
        """Take the whole lines that came since the last call."""
        try:
            with open(self._path, "rb") as file:
                file.seek(self._position)
                data = file.read()
        except FileNotFoundError:
            return
        whole = data[:data.rfind(b"\n") + 1]
        self._position += len(whole)
        for line in whole.splitlines():
            self._take(json.loads(line))

    def _take(self, pack: list[dict]) -> None:
        endpoint = pack[0]["bn"]
        boot, _, ranges = pack[0]["id"].partition(":")
        sequences = sequence_ranges.expand(sequence_ranges.parse(ranges))
        records = [record for record in pack if "n" in record]
        for sequence, record in zip(sequences, records, strict=True):
            self.delivered[endpoint, int(boot), sequence] += 1
            self._latest.append(self._shown(endpoint, record))

    def _shown(self, endpoint: str, record: dict) -> ShownReading:
        value = next(record[key] for key in ("v", "vb", "vs", "vd") if key in record)
        unit = record.get("u", "")
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return ShownReading(
            local_time_s=record["t"] + self._utc_offset_s,
            node=self._names.get(endpoint, endpoint),
            what=_what(lwm2m_path.parse(record["n"])),
            value=f"{text} {_UNITS.get(unit, unit)}".strip())

    def latest(self) -> list[ShownReading]:
        """Return the last few readings, oldest first."""
        return list(self._latest)


def _what(path: tuple[int, ...]) -> str:
    """Return a resource in words; of an IPSO object's "sensor value" what it senses."""
    is_generic = path[2] == SENSOR_VALUE
    return name_of(path[:1] if is_generic else path).replace("-", " ")


async def stored_readings(path: Path) -> set[ReadingId]:
    """Return the sequenced readings in the store file `path`, whose gateway has ended."""
    store = Store(str(path))
    await store.open(0)
    try:
        found: set[ReadingId] = set()
        for lane in Lane:
            last = 0
            while readings := await store.readings_after(lane, last, STORE_READ_MAX):
                found.update((each.row.endpoint, each.row.boot, each.row.sequence)
                             for each in readings if each.row.sequence is not None)
                last = readings[-1].id
        return found
    finally:
        await store.close()
