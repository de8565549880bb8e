"""A store with its MQTT uplink, and the line between it and a broker."""

import asyncio
import inspect
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from gateway.clock import SystemClock
from gateway.commands import CommandRefused, new_command
from gateway.rows import Lane
from gateway.settings import MqttUplink as MqttSettings
from gateway.store import Store
from gateway.uplinks import mqtt_client
from gateway.uplinks.mqtt import MqttUplink
from gateway.uplinks.pump import Pump
from tests.gateway.uplink_rows import EPOCH, TIME_MS

LIMIT_S = 120
GATEWAY = "gw/1"


class Uplinked:
    """A store and its MQTT uplink; commands to the node "gone" are refused, to "fault" a bug."""

    def __init__(self, folder, broker, **settings):
        self.store = Store(str(folder / "store.db"), urgent_ms=1, measurement_ms=1)
        self.pump = Pump("city", self.store, lambda: TIME_MS)
        self.commands = []
        self.uplink = MqttUplink(
            MqttSettings(url=broker.url, **settings),
            GATEWAY,
            self.pump,
            self.store,
            SystemClock(),
            mqtt_client.connect,
            lambda: 0.02,
            self.take,
        )

    async def take(self, request):
        if request.endpoint == "gone":
            raise CommandRefused("no such node")
        if request.endpoint == "fault":
            raise RuntimeError("a bug")
        command = await self.store.add_command(new_command(request, TIME_MS, 60))
        self.commands.append(command)
        return command

    async def end(self, command, **changes):
        await self.store.save_command(replace(command, finished_ms=TIME_MS, **changes))
        self.uplink.result_ready()

    async def depth(self):
        return sum([(await self.store.backlog("city", lane)).count for lane in Lane])

    async def until(self, condition):
        async with asyncio.timeout(LIMIT_S):
            while not await met(condition):
                await asyncio.sleep(0.01)

    async def drained(self):
        return await self.depth() == 0


async def met(condition):
    outcome = condition()
    return await outcome if inspect.isawaitable(outcome) else outcome


@asynccontextmanager
async def uplinked(folder, broker, **settings):
    system = Uplinked(folder, broker, **settings)
    await system.store.open(EPOCH)
    task = asyncio.ensure_future(system.uplink.run())
    try:
        yield system
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await system.store.close()
