"""Gateways' stores with their real MQTT uplinks, and the city in memory, in virtual time."""

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from random import Random

from gateway.commands import new_command
from gateway.rows import CommandState, Lane
from gateway.settings import MqttUplink as MqttSettings
from gateway.store import InlineExecutor, Store
from gateway.uplinks.mqtt import MqttUplink
from gateway.uplinks.pump import Pump
from simulator import virtual_time
from simulator.happenings import CommandAnswered, CommandGiven, ReadingDelivered
from simulator.sim_city import SimCity
from tests.gateway.uplink_rows import EPOCH, TIME_MS

LIMIT_S = 3600 * 24


class LoopClock:
    """The loop's time as a gateway's clock; `looks` counts who looked at it."""

    def __init__(self):
        self.looks = 0

    def monotonic_s(self):
        self.looks += 1
        return asyncio.get_running_loop().time()

    def unix_ms(self):
        return TIME_MS + int(self.monotonic_s() * 1000)

    def is_trusted(self):
        return True


class Uplinked:
    """A gateway's store and uplink; every command is done at once, and counted."""

    def __init__(self, city, gateway, folder, random, **settings):
        self.store = Store(str(folder / f"{gateway}.db"), InlineExecutor,
                           urgent_ms=1, measurement_ms=1)
        self.clock = LoopClock()
        self.pump = Pump("city", self.store, self.clock.unix_ms)
        self.done = []
        settings = MqttSettings(**{"url": "mqtt://x", "ack": "application", **settings})
        parts = self.pump, self.store, self.clock, city.connect
        self.uplink = MqttUplink(settings, gateway, *parts, random.random, self._take)
        self.task = None

    async def open(self):
        await self.store.open(EPOCH)
        self.task = asyncio.ensure_future(self.uplink.run())

    async def _take(self, request):
        known = await self.store.command(request.id)
        if known is not None:
            return known
        command = await self.store.add_command(new_command(request, TIME_MS, 60))
        self.done.append(request.id)
        ended = replace(command, state=CommandState.DONE, code="2.04", finished_ms=TIME_MS)
        await self.store.save_command(ended)
        self.uplink.result_ready()
        return command

    async def close(self):
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task
        await self.store.close()

    async def depth(self):
        return sum([(await self.store.backlog("city", lane)).count for lane in Lane])

    async def drained(self):
        async with asyncio.timeout(LIMIT_S):
            while await self.depth():
                await asyncio.sleep(0.5)
        # What is delivered is not yet committed where the broker's word counts.
        await asyncio.sleep(5)


class Bench:
    """A city and its gateways; `happenings` is what they told."""

    def __init__(self, folder, seed=1, gateways=("gateway-1",), uplink=None, **city):
        self.happenings = []
        self.loop = asyncio.get_running_loop()
        acknowledges = (uplink or {}).get("ack", "application")
        self.city = SimCity(self.loop, self.happenings.append, seed,
                            acknowledges=acknowledges, **city)
        self.gateways = [
            Uplinked(self.city, name, folder, Random(f"{seed}/{name}"), **(uplink or {}))
            for name in gateways]

    def told(self, kind):
        return [each for each in self.happenings if isinstance(each, kind)]

    def delivered(self):
        """Return every delivery as (endpoint, boot, sequence), copies too."""
        return [(each.endpoint, each.boot, each.sequence) for each in self.told(ReadingDelivered)]

    def answers(self):
        return [(each.command, each.outcome) for each in self.told(CommandAnswered)]

    def given(self):
        return [each.command for each in self.told(CommandGiven)]

    async def commit(self, *rows, gateway=0):
        await self.gateways[gateway].store.commit_pack(list(rows), urgent=True)


@asynccontextmanager
async def bench(folder, **arguments):
    running = Bench(folder, **arguments)
    await running.city.start()
    for gateway in running.gateways:
        await gateway.open()
    await asyncio.sleep(1)
    try:
        yield running
    finally:
        for gateway in running.gateways:
            await gateway.close()
        await running.city.stop()


def run(folder, script, **arguments):
    """Run `script(bench)` in virtual time and return what it returns."""

    async def main():
        async with bench(folder, **arguments) as running:
            return await script(running)

    return virtual_time.run(main)
