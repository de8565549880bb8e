"""The reference consumer at the city's end: MQTT in, rows in SQLite out; `docs/integration.md`.

Kept short, to be copied. Three rules make every reading count once, whatever is killed when:
its identity (endpoint, boot, sequence) is a unique key; nothing is acknowledged, neither to the
broker nor to the gateway, before the commit that holds it is on the disk; and a message that
cannot be understood is kept as it came and acknowledged too, or it would come for ever.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Protocol

from gateway.city_messages import acknowledgements
from gateway.settings import MqttUplink as MqttSettings
from gateway.uplinks import mqtt_client, topics
from gateway.uplinks.mqtt_connection import Connect, Connection, Delivery, MqttError
from gateway.uplinks.pump import backoff_s

BATCH_MAX = 500
REFUSED = 0x80  # MQTT 5 section 2.4: and above
SHOW_S = 1.0


class TableError(Exception):
    """The table cannot be opened, or does not take what it is given."""


class Table(Protocol):
    """Where the rows go: `city_rows.Rows` has them in SQLite."""

    def commit(self, messages: Sequence[Delivery]) -> None:
        """Keep `messages`, all or none, and return when that is for good; raises TableError."""

    def close(self) -> None:
        """Let go of it."""


def one_thread() -> Executor:
    """Return an executor with one thread, as SQLite likes it."""
    return ThreadPoolExecutor(max_workers=1)


class City:
    """Takes what gateways publish (of one `gateway`, or all) into a table.

    `open_table(counters)` is called in the thread of `new_executor()`, as all calls of the table
    are. `show(counters, state)` is called every second.
    """

    def __init__(
        self,
        settings: MqttSettings,
        open_table: Callable[[Counter[str]], Table],
        show: Callable[[Counter[str], str], None] | None,
        random: Callable[[], float],
        gateway: str | None = None,
        connect: Connect = mqtt_client.connect,
        new_executor: Callable[[], Executor] = one_thread,
    ) -> None:
        self.counters: Counter[str] = Counter()
        self._settings = settings
        self._open_table = open_table
        self._show = show
        self._random = random
        self._connect = connect
        self._new_executor = new_executor
        self._filters = [
            topics.filter_of(gateway, kind) for kind in (topics.READINGS, topics.ALARMS)
        ]
        self._state = "connecting"

    async def run(self) -> None:
        """Serve until cancelled; raises TableError if the table cannot be opened."""
        loop = asyncio.get_running_loop()
        with self._new_executor() as thread:
            table = await loop.run_in_executor(thread, self._open_table, self.counters)
            showing = loop.create_task(self._show_for_ever())
            try:
                await self._consume_for_ever(table, thread)
            finally:
                showing.cancel()
                thread.submit(table.close)

    async def _show_for_ever(self) -> None:
        while self._show is not None:
            self._show(self.counters, self._state)
            await asyncio.sleep(SHOW_S)

    async def _consume_for_ever(self, table: Table, thread: Executor) -> None:
        failures = 0
        while True:
            connection = None
            try:
                connection = await self._connect(
                    self._settings, self._settings.client_id, None, BATCH_MAX
                )
                # Also where the broker still knows us: it may have lost its memory.
                for topic_filter in self._filters:
                    await connection.subscribe(topic_filter)
                self.counters["connections"] += 1
                self._state, failures = "connected", 0
                await self._consume(connection, table, thread)
            except (MqttError, TableError) as error:
                # What was not acknowledged comes again with the next connection.
                self._state = str(error)
                failures += 1
            finally:
                if connection is not None:
                    await connection.close()
            await asyncio.sleep(backoff_s(failures, self._random))

    async def _consume(self, connection: Connection, table: Table, thread: Executor) -> None:
        loop = asyncio.get_running_loop()
        # None is the end: behind all that has come before it.
        connection.lost.add_done_callback(lambda lost: connection.deliveries.put_nowait(None))
        while True:
            messages = await _next_batch(connection)
            await loop.run_in_executor(thread, table.commit, messages)
            # From here on these messages cannot be lost any more, and not a moment earlier.
            published = [connection.publish(each) for each in acknowledgements(messages)]
            reasons = await asyncio.gather(*published)
            if any(reason >= REFUSED for reason in reasons):
                self._state = "connected, but the broker refuses our acknowledgements"
            for message in messages:
                connection.acknowledge(message)


async def _next_batch(connection: Connection) -> list[Delivery]:
    """Return what has come, at least one message; raises MqttError when the connection is lost."""
    deliveries = connection.deliveries
    messages = []
    while len(messages) < BATCH_MAX and not (messages and deliveries.empty()):
        delivery = await deliveries.get()
        if delivery is not None:
            messages.append(delivery)
        elif messages:
            deliveries.put_nowait(None)
            break
        else:
            raise MqttError(connection.lost.result())
    return messages
