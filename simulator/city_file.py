"""The city's end of the demo: what the `file` uplink delivered, and the store it left."""

import json
from collections import Counter, deque
from pathlib import Path

from gateway import sequence_ranges
from gateway.cli.screen import value_text
from gateway.names import name_of
from gateway.rows import Lane
from gateway.store import Store
from protocol import lwm2m_path
from simulator.account import ReadingId
from simulator.demo_screen import PACKS_SHOWN_PER_KIND, ShownPack

STORE_READ_MAX = 5000
SENSOR_VALUE = 5700


class CityFile:
    """Follows the uplink's file as it grows; counts every delivery of every reading.

    `names` gives each endpoint's name, such as "lamp 7".
    """

    def __init__(self, path: Path, utc_offset_s: int, names: dict[str, str]) -> None:
        self._path = path
        self._utc_offset_s = utc_offset_s
        self._names = names
        self._position = 0
        self._latest: dict[str, deque[ShownPack]] = {}
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
        for sequence, _ in zip(sequences, records, strict=True):
            self.delivered[endpoint, int(boot), sequence] += 1
        name = self._names[endpoint]
        kind = name.rpartition(" ")[0]
        self._latest.setdefault(kind, deque(maxlen=PACKS_SHOWN_PER_KIND)).append(ShownPack(
            local_time_s=records[-1]["t"] + self._utc_offset_s, node=name,
            readings=", ".join(_in_words(record) for record in records)))

    def latest(self) -> list[ShownPack]:
        """Return the last few packs of each kind of node, oldest first."""
        return sorted(sum(map(list, self._latest.values()), []), key=lambda p: p.local_time_s)


def _in_words(record: dict) -> str:
    """Return a reading as "active power 60 W"; an IPSO "sensor value" by what it senses."""
    path = lwm2m_path.parse(record["n"])
    value = next(record[key] for key in ("v", "vb", "vs", "vd") if key in record)
    name = name_of(path[:1] if path[2] == SENSOR_VALUE else path)
    text = value_text({"name": name, "value": value, "unit": record.get("u", "")})
    return f"{name.replace('-', ' ')} {text}"


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
