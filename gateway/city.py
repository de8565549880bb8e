"""The reference consumer at the city's end: MQTT in, rows in SQLite out; `docs/integration.md`.

Kept short, to be copied. Three rules make every reading count once, whatever is killed when:
its identity (endpoint, boot, sequence) is a unique key; nothing is acknowledged, neither to the
broker nor to the gateway, before the commit that holds it is on the disk; and a message that
cannot be understood is kept as it came and acknowledged too, or it would come for ever.
"""

import asyncio
import json
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from decimal import Decimal

from gateway import sequence_ranges
from gateway.settings import MqttUplink as MqttSettings
from gateway.uplinks import mqtt_acks, mqtt_client, topics
from gateway.uplinks.mqtt_client import Delivery, MqttConnection, MqttError, Publication
from gateway.uplinks.pump import backoff_s
from protocol.errors import DecodeError

BATCH_MAX = 500
ENTRIES_MAX = 100
REFUSED = 0x80  # MQTT 5 section 2.4: and above
SHOW_S = 1.0
VALUES = frozenset(("v", "vb", "vs", "vd"))  # SenML: number, truth value, text, base64url
MALFORMED = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, DecodeError,
             RecursionError)

SCHEMA = """
CREATE TABLE IF NOT EXISTS readings (
    arrival INTEGER PRIMARY KEY,  -- rises in the order of the commits
    gateway TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    boot ANY NOT NULL,            -- an integer, or 'unsequenced:epoch'
    sequence INTEGER NOT NULL,
    topic TEXT NOT NULL,          -- 'alarms' or 'readings'
    path TEXT NOT NULL,
    kind TEXT NOT NULL,           -- 'v', 'vb', 'vs' or 'vd', as SenML has it
    value TEXT NOT NULL,          -- exactly as it was written
    unit TEXT NOT NULL,           -- '' where there is none
    time_ms INTEGER NOT NULL,     -- when it was taken, Unix milliseconds
    received_ms INTEGER NOT NULL,
    UNIQUE (endpoint, boot, sequence)
) STRICT;
CREATE TABLE IF NOT EXISTS deliveries (  -- of readings that came more than once
    arrival INTEGER PRIMARY KEY REFERENCES readings (arrival),
    copies INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS refused (     -- messages that are no readings
    topic TEXT NOT NULL,
    id TEXT,
    payload BLOB NOT NULL,
    reason TEXT NOT NULL,
    received_ms INTEGER NOT NULL
) STRICT;
"""
INSERT = f"""INSERT INTO readings VALUES (NULL, {", ".join("?" * 11)})
    ON CONFLICT (endpoint, boot, sequence) DO NOTHING"""
COUNT_COPY = """INSERT INTO deliveries SELECT arrival, 2 FROM readings
    WHERE (endpoint, boot, sequence) = (?, ?, ?) ON CONFLICT DO UPDATE SET copies = copies + 1"""
REFUSE = "INSERT INTO refused VALUES (?, ?, ?, ?, ?)"


class Rows:
    """The SQLite file; every call runs in one thread. `counters` say what came."""

    def __init__(self, path: str, counters: Counter[str]) -> None:
        self._counters = counters
        self._database = sqlite3.connect(path, isolation_level=None)
        # On the disk means on the disk: WAL alone would lose the last commits with the power.
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.executescript(SCHEMA)

    def commit(self, messages: Sequence[Delivery]) -> None:
        """Keep `messages`, all or none, and return when they are on the disk.

        Raises sqlite3.Error when they cannot be kept.
        """
        counts: Counter[str] = Counter(messages=len(messages), commits=1)
        received_ms = time.time_ns() // 1_000_000
        self._database.execute("BEGIN IMMEDIATE")
        try:
            for message in messages:
                counts += self._keep(message, received_ms)
            self._database.execute("COMMIT")
        finally:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
        self._counters += counts

    def _keep(self, message: Delivery, received_ms: int) -> Counter[str]:
        counts: Counter[str] = Counter()
        self._database.execute("SAVEPOINT message")
        try:
            for row in rows_of(message, received_ms):
                is_new = self._database.execute(INSERT, row).rowcount == 1
                if not is_new:
                    self._database.execute(COUNT_COPY, row[1:4])
                counts["readings" if is_new else "duplicates"] += 1
        except MALFORMED as error:
            self._database.execute("ROLLBACK TO message")
            key, reason = key_of(message), ascii(error)
            values = message.topic, key, message.payload, reason, received_ms
            self._database.execute(REFUSE, values)
            counts = Counter(refused=1)
        self._database.execute("RELEASE message")
        return counts

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def key_of(message: Delivery) -> str | None:
    """Return the idempotency key of a message, "boot:ranges", if it has one."""
    return dict(message.user_properties).get("id")


def rows_of(message: Delivery, received_ms: int) -> list[tuple]:
    """Return the rows of the readings in a message; raises one of MALFORMED."""
    boot, _, ranges = key_of(message).rpartition(":")
    if not boot:
        raise ValueError("no boot in the id")
    boot = sequence_ranges.parse(boot)[0][0] if boot.isdigit() else boot
    sequences = sequence_ranges.expand(sequence_ranges.parse(ranges))
    # Numbers stay the texts that they are: energy is money, and a float would round it.
    records = json.loads(message.payload, parse_float=str, parse_int=str)
    first = topics.gateway_of(message.topic), records[0]["bn"], boot
    kind_of_topic = message.topic.rpartition("/")[2]
    rows = []
    for sequence, record in zip(sequences, records, strict=True):
        (kind,) = VALUES.intersection(record)
        value = json.dumps(record[kind]) if kind == "vb" else record[kind]
        texts = kind_of_topic, record["n"], kind, value, record.get("u", "")
        if not all(isinstance(text, str) for text in (first[1], *texts)):
            raise TypeError("a text is none")
        rows.append((*first, sequence, *texts, _milliseconds(record["t"]), received_ms))
    return rows


def _milliseconds(seconds: str) -> int:
    time_s = Decimal(seconds)
    if not abs(time_s) < 1 << 40:
        raise ValueError("no time")
    return int(time_s * 1000)


class City:
    """Takes what gateways publish (of one `gateway`, or all) into the file `path`.

    `show(counters, state)` is called every second.
    """

    def __init__(
        self,
        settings: MqttSettings,
        path: str,
        show: Callable[[Counter[str], str], None],
        random: Callable[[], float],
        gateway: str | None = None,
    ) -> None:
        self.counters: Counter[str] = Counter()
        self._settings = settings
        self._path = path
        self._show = show
        self._random = random
        self._filters = [
            topics.filter_of(gateway, kind) for kind in (topics.READINGS, topics.ALARMS)
        ]
        self._state = "connecting"

    async def run(self) -> None:
        """Serve until cancelled; raises sqlite3.Error if the file cannot be opened."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(max_workers=1) as thread:
            rows = await loop.run_in_executor(thread, Rows, self._path, self.counters)
            showing = loop.create_task(self._show_for_ever())
            try:
                await self._consume_for_ever(rows, thread)
            finally:
                showing.cancel()
                thread.submit(rows.close)

    async def _show_for_ever(self) -> None:
        while True:
            self._show(self.counters, self._state)
            await asyncio.sleep(SHOW_S)

    async def _consume_for_ever(self, rows: Rows, thread: Executor) -> None:
        failures = 0
        while True:
            connection = None
            try:
                connection = await mqtt_client.connect(
                    self._settings, self._settings.client_id, None, BATCH_MAX
                )
                # Also where the broker still knows us: it may have lost its memory.
                for topic_filter in self._filters:
                    await connection.subscribe(topic_filter)
                self.counters["connections"] += 1
                self._state, failures = "connected", 0
                await self._consume(connection, rows, thread)
            except (MqttError, sqlite3.Error) as error:
                # What was not acknowledged comes again with the next connection.
                self._state = str(error)
                failures += 1
            finally:
                if connection is not None:
                    await connection.close()
            await asyncio.sleep(backoff_s(failures, self._random))

    async def _consume(self, connection: MqttConnection, rows: Rows, thread: Executor) -> None:
        loop = asyncio.get_running_loop()
        while True:
            messages = await _next_batch(connection)
            await loop.run_in_executor(thread, rows.commit, messages)
            # From here on these messages cannot be lost any more, and not a moment earlier.
            published = [connection.publish(each) for each in acknowledgements(messages)]
            reasons = await asyncio.gather(*published)
            if any(reason >= REFUSED for reason in reasons):
                self._state = "connected, but the broker refuses our acknowledgements"
            for message in messages:
                connection.acknowledge(message)


async def _next_batch(connection: MqttConnection) -> list[Delivery]:
    """Return what has come, at least one message; raises MqttError when the connection is lost."""
    getting = asyncio.ensure_future(connection.deliveries.get())
    try:
        await asyncio.wait((getting, connection.lost), return_when=asyncio.FIRST_COMPLETED)
        if not getting.done():
            raise MqttError(connection.lost.result())
    finally:
        getting.cancel()
    messages = [getting.result()]
    while len(messages) < BATCH_MAX and not connection.deliveries.empty():
        messages.append(connection.deliveries.get_nowait())
    return messages


def acknowledgements(messages: Sequence[Delivery]) -> list[Publication]:
    """Return what tells the gateways that `messages` are kept, ENTRIES_MAX in a message."""
    kept = defaultdict(list)
    for message in messages:
        key = key_of(message)
        try:
            gateway, node = topics.gateway_of(message.topic), topics.node_of(message.topic)
        except ValueError:
            continue
        if key is not None:
            kept[gateway].append((node, key))
    parts = [
        (gateway, pairs[start : start + ENTRIES_MAX])
        for gateway, pairs in kept.items()
        for start in range(0, len(pairs), ENTRIES_MAX)
    ]
    return [
        Publication(topics.of_acknowledgements(gateway), mqtt_acks.render(pairs))
        for gateway, pairs in parts
    ]
