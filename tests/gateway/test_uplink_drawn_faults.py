"""Faults of gateway, line, broker and consumer at drawn moments: each reading once, in order.

A failure is replayed by its seed, the number in the test's id.
"""

import asyncio
from random import Random

import pytest

from tests.full_size import is_full_size
from tests.gateway.cable import Cable
from tests.gateway.city_process import CityProcess
from tests.gateway.mosquitto import Broker
from tests.gateway.uplink_chain import NODES, chained, prove
from tests.gateway.uplink_rows import alarm, row

SEEDS = range(30) if is_full_size() else range(1)
READINGS, FAULTS = 500, 12


class Chain:
    """The parts between a store and a table, each with what can befall it."""

    def __init__(self, folder, random):
        self._random = random
        self.broker = Broker(folder / "broker")
        self.cable = Cable(self.broker)
        self.consumer = CityProcess(folder, self.broker.url)

    async def strike(self, fault):
        """Let `fault` happen, and leave everything running."""
        await getattr(self, fault)()

    async def broker_killed(self):
        await asyncio.to_thread(self.broker.kill)
        await asyncio.to_thread(self.broker.start)

    async def broker_stopped(self):
        await asyncio.to_thread(self.broker.stop)
        await asyncio.to_thread(self.broker.start)

    async def broker_paused(self):
        self.broker.pause()
        await asyncio.sleep(self._random.random())
        self.broker.resume()

    async def consumer_killed(self):
        await asyncio.to_thread(self.consumer.kill)
        await asyncio.to_thread(self.consumer.start)

    async def line_cut(self):
        self.cable.cut()

    async def line_swallowing(self):
        self.cable.swallow()
        await asyncio.sleep(self._random.random())
        self.cable.cut()

    async def line_closed(self):
        self.cable.is_closed = True
        self.cable.cut()
        await asyncio.sleep(self._random.random())
        self.cable.is_closed = False


FAULTS_OF_A_LIFE = [name for name in vars(Chain) if name.partition("_")[0] in
                    ("broker", "consumer", "line")]


async def live(chain, folder, random, numbers):
    """Let one gateway live: store `numbers`, each with some faults before it."""
    async with chained(folder, chain.cable) as system:
        for number in numbers:
            make = alarm if number % 3 == 0 else row
            await system.store.commit_pack([make(number, f"lamp{number % NODES}")], urgent=True)
            if random.random() < FAULTS / READINGS:
                await chain.strike(random.choice(FAULTS_OF_A_LIFE))
        if numbers[-1] == READINGS - 1:
            await system.until(system.drained)


@pytest.mark.parametrize("seed", SEEDS)
def test_drawn_faults_cost_nothing(tmp_path, seed):
    random = Random(seed)
    chain = Chain(tmp_path, random)
    deaths = sorted(random.sample(range(1, READINGS), 3))

    async def main():
        async with chain.cable:
            for first, last in zip([0, *deaths], [*deaths, READINGS], strict=True):
                await live(chain, tmp_path, random, range(first, last))

    with chain.broker, chain.consumer:
        asyncio.run(main())
        prove(chain.consumer, READINGS)
