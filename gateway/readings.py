"""From a node's pack of values to rows for the store (SenML, RFC 8428; LwM2M 1.1 Send)."""

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

import cbor2

from gateway import decimals, ledger, sequence_ranges
from gateway.rows import ReadingRow, TimeSource, Value
from protocol import data_types, lwm2m_path, object_table, senml, senml_json
from protocol.errors import DecodeError
from protocol.number import Decimal

SENML_JSON = 110
SENML_CBOR = 112
CONTENT_FORMATS = (SENML_JSON, SENML_CBOR)

NESTING_MAX = 8
RESOURCES_REMEMBERED_MAX = 4096

# Our vendor object (docs/internals.md, "The node"): what the pack's journal says of the pack.
JOURNAL_INSTANCE = (42800, 0)
BOOT, SEQUENCES, OLDEST, DROPPED, LAST, OLDEST_BOOT = range(6)
# Beyond this no node has counted: the ledger's sums stay within 64 bits.
NUMBER_MAX = (1 << 48) - 1
_JOURNAL_OBJECT = f"/{JOURNAL_INSTANCE[0]}/"
_JOURNAL_RESOURCES = lwm2m_path.render(JOURNAL_INSTANCE) + "/"

FUTURE_MAX_MS = 24 * 3600 * 1000
PAST_MAX_MS = 400 * 24 * 3600 * 1000
# What a gateway that does not know the time itself still can judge.
EARLIEST_MS = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp()) * 1000
LATEST_MS = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()) * 1000

# cbor2 knows many tags; in SenML only bignums (2, 3) and decimal fractions (4) are numbers, and
# shared references (28, 29) would make a finite input endless.
_REFUSED_TAGS = (0, 1, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000)


@dataclass(frozen=True, slots=True)
class Journal:
    """What a pack says of its node's journal; absent parts are None or empty.

    `oldest` is the oldest sequence number of this boot that the node still holds or has to
    account for, `last` the last one it has given; `oldest_boot` the oldest boot it holds
    something of. Release 0.1.0 of the firmware says neither of the latter.
    """

    boot: int
    sequences: tuple[int, ...]
    oldest: int | None
    dropped: tuple[tuple[int, int, str], ...]  # (first, last, reason)
    last: int | None = None
    oldest_boot: int | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A value of a pack that was not stored, and why."""

    boot: int | None
    sequence: int | None
    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack as rows: what to store, what not, and what the node says of its journal.

    `instances` are the object instances that the rows are of.
    """

    rows: tuple[ReadingRow, ...]
    refusals: tuple[Refusal, ...]
    journal: Journal | None
    instances: frozenset[tuple[int, ...]]

    @property
    def is_urgent(self) -> bool:
        """Return whether an alarm or an event is in it."""
        return any(row.reading_class != object_table.MEASUREMENT for row in self.rows)


class Readings:
    """Makes rows of packs, and counts what was wrong with them in `counters`."""

    def __init__(self) -> None:
        self.counters: Counter[str] = Counter()

    def decode(self, content_format: int, payload: bytes) -> list[senml.Record]:
        """Return the resolved SenML records in a Send's payload; raises DecodeError.

        `content_format` is one of CONTENT_FORMATS; CBOR is decoded by cbor2, not by our own codec.
        """
        try:
            return _DECODERS[content_format](payload)
        except DecodeError:
            self.counters["packs malformed"] += 1
            raise

    def pack_to_rows(
        self,
        endpoint: str,
        records: Sequence[senml.Record],
        received_ms: int,
        *,
        is_clock_trusted: bool = True,
        has_journal: bool = True,
    ) -> Pack:
        """Return `records` of the node `endpoint`, received at `received_ms` (Unix), as rows.

        With `has_journal` object 42800 says which sequence numbers the other records have, in
        order; what it says wrongly is counted, and the rows are then unsequenced. A record that is
        no reading of ours (path, type, number out of range) is refused alone. Raises DecodeError
        when nothing at all can be stored.
        """
        journal_records, values = _split(records) if has_journal else ({}, list(records))
        journal = self._journal(journal_records, len(values))
        times = _Times(received_ms, is_clock_trusted)
        rows: list[ReadingRow] = []
        refusals: list[Refusal] = []
        for index, record in enumerate(values):
            sequence = journal.sequences[index] if journal and journal.sequences else None
            boot = journal.boot if sequence is not None else None
            try:
                rows.append(_row(endpoint, record, boot, sequence, times))
            except DecodeError as error:
                refusals.append(Refusal(boot, sequence, str(record.name)[:64], str(error)))
        self._count(rows, refusals)
        if not rows and (refusals or journal is None):
            raise DecodeError(refusals[0].reason if refusals else "no reading")
        instances = frozenset(_resource(row.path).instance for row in rows)
        return Pack(tuple(rows), tuple(refusals), journal, instances)

    def _count(self, rows: list[ReadingRow], refusals: list[Refusal]) -> None:
        self.counters["packs"] += 1
        self.counters["values refused"] += len(refusals)
        self.counters["times replaced"] += len([1 for row in rows if row.stated_time])
        self.counters["unsequenced"] += len([1 for row in rows if row.sequence is None])

    def _journal(self, stated: dict[int, object], count: int) -> Journal | None:
        if not stated:
            return None
        try:
            return _journal(stated, count)
        except DecodeError:
            self.counters["journal malformed"] += 1
            return None


def _split(records: Sequence[senml.Record]) -> tuple[dict[int, object], list[senml.Record]]:
    """Return what object 42800's one instance says, by resource id, and the other records."""
    stated = {}
    others = []
    for record in records:
        if not record.name.startswith(_JOURNAL_OBJECT):
            others.append(record)
        elif record.name[:-1] == _JOURNAL_RESOURCES and record.name[-1].isdigit():
            stated[int(record.name[-1])] = record.value
    return stated, others


def _journal(stated: dict[int, object], count: int) -> Journal:
    boot = _natural(stated.get(BOOT))
    sequences = sequence_ranges.expand(sequence_ranges.parse(_text(stated.get(SEQUENCES, ""))))
    if len(sequences) != count or len(set(sequences)) != count:
        raise DecodeError("sequence numbers do not fit the records")
    oldest, last, oldest_boot = (
        _natural(stated[each]) if each in stated else None for each in (OLDEST, LAST, OLDEST_BOOT)
    )
    dropped = tuple(_dropped(part) for part in _text(stated.get(DROPPED, "")).split(",") if part)
    numbers = [*sequences, *(last for _, last, _ in dropped)]
    if min(sequences, default=1) < 1 or max(numbers, default=0) > NUMBER_MAX:
        raise DecodeError("sequence number out of range")
    if max(oldest or 0, last or 0) > NUMBER_MAX or max(numbers, default=0) > (last or NUMBER_MAX):
        raise DecodeError("sequence number beyond the last one")
    if oldest_boot is not None and ledger.boots_after(oldest_boot, boot) > 0:
        raise DecodeError("oldest boot after this one")
    return Journal(boot, tuple(sequences), oldest, dropped, last, oldest_boot)


def _dropped(text: str) -> tuple[int, int, str]:
    pairs, colon, reason = text.partition(":")
    if not colon or not reason:
        raise DecodeError("dropped range without reason")
    (pair,) = sequence_ranges.parse(pairs) or [(0, 0)]
    return *pair, reason


def _natural(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise DecodeError("not a whole number")
    if not 0 <= value <= sequence_ranges.SEQUENCE_MAX:
        raise DecodeError("number out of range")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise DecodeError("not text")
    return value


def _row(
    endpoint: str, record: senml.Record, boot: int | None, sequence: int | None, times: "_Times"
) -> ReadingRow:
    resource = _resource(record.name)
    value = data_types.coerce(plain_value(record.value), resource.type)
    time_ms, source, stated = times.judge(record.time)
    return ReadingRow(
        endpoint, boot, sequence, record.name, value, time_ms, source, resource.reading_class,
        times.received_ms, stated,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Resource:
    instance: tuple[int, ...]
    type: int | None  # of data_types; None: unknown
    reading_class: int


# A fleet reports the same few resources again and again.
@lru_cache(maxsize=RESOURCES_REMEMBERED_MAX)
def _resource(name: str) -> _Resource:
    """Return the resource that `name` names; raises DecodeError if it names none.

    A path has one writing only, so `name` is the path as text.
    """
    path = lwm2m_path.parse(name)
    if len(path) < 3:
        raise DecodeError("not the path of a resource")
    found = object_table.resource(path[0], path[2])
    if found is None:
        return _Resource(path[:2], None, object_table.MEASUREMENT)
    return _Resource(path[:2], found.type, found.reading_class)


def plain_value(value: object) -> Value:
    """Return a decoded value as `rows.Value`: floats become exact decimals.

    Raises DecodeError on what no resource can hold: nothing, NaN, integers beyond 64 bits, text
    that is not Unicode.
    """
    if isinstance(value, (Decimal, bool, bytes, data_types.ObjectLink)):
        return value
    if isinstance(value, str):
        return _unicode(value)
    if value is None:
        raise DecodeError("no value")
    value = decimals.from_number(value)
    if isinstance(value, int) and not -1 << 63 <= value < 1 << 64:
        raise DecodeError("integer beyond 64 bits")
    return value


def _unicode(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DecodeError("text is not Unicode") from error
    return text


class _Times:
    """Judges the times of one pack."""

    def __init__(self, received_ms: int, is_clock_trusted: bool) -> None:
        self.received_ms = received_ms
        self._earliest_ms = received_ms - PAST_MAX_MS if is_clock_trusted else EARLIEST_MS
        self._latest_ms = received_ms + FUTURE_MAX_MS if is_clock_trusted else LATEST_MS

    def judge(self, time: int | Decimal | None) -> tuple[int, TimeSource, str | None]:
        """Return (Unix milliseconds, where from, the node's own words if they were replaced)."""
        if time is None:
            return self.received_ms, TimeSource.GATEWAY, None
        time_ms = time * 1000 if isinstance(time, int) else time.scaled(-3)
        if time_ms >= senml.ABSOLUTE_TIME_MIN_S * 1000:
            source, earliest_ms, latest_ms = TimeSource.NODE, self._earliest_ms, self._latest_ms
        else:
            source = TimeSource.RELATIVE
            time_ms += self.received_ms
            earliest_ms = self.received_ms - PAST_MAX_MS
            latest_ms = self.received_ms + FUTURE_MAX_MS
        if earliest_ms <= time_ms <= latest_ms:
            return time_ms, source, None
        text = str(time) if isinstance(time, int) else time.to_text()
        return self.received_ms, TimeSource.REPLACED, text


def _decode_cbor(payload: bytes) -> list[senml.Record]:
    stream = io.BytesIO(payload)
    decoder = cbor2.CBORDecoder(
        stream,
        tag_hook=_refuse_tag,
        semantic_decoders=_SEMANTIC_DECODERS,
        max_depth=NESTING_MAX,
        allow_duplicate_keys=False,
    )
    try:
        items = decoder.decode()
    except (cbor2.CBORError, ValueError, TypeError, OverflowError) as error:
        raise DecodeError("malformed CBOR") from error
    if stream.tell() != len(payload):
        raise DecodeError("bytes after the pack")
    return senml.resolve(items, decimals.from_number)


def _refuse_tag(*arguments: object) -> None:
    raise DecodeError("tag has no meaning in SenML")


_SEMANTIC_DECODERS = dict.fromkeys(_REFUSED_TAGS, _refuse_tag)
_DECODERS = {SENML_CBOR: _decode_cbor, SENML_JSON: senml_json.decode}
