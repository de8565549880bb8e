"""The real gateway in virtual time: its lives, its deaths, and what each leaves."""

import asyncio
import os

from simulator import virtual_time
from tests.full_size import is_full_size
from tests.simulator.gateway_street import SimStreet


def run(folder, live, **options):
    """Return what `live(street)` returns, with a street that has begun."""
    async def main():
        street = SimStreet(folder, **options)
        await street.begin()
        result = await live(street)
        await street.end()
        return result

    return virtual_time.run(main)


def test_street_registers_and_every_reading_is_delivered_once(tmp_path):
    async def live(street):
        await asyncio.sleep(3600)
        await street.drain()
        assert street.registered == street.drivers.keys() == street.left
        await asyncio.sleep(5)
        delivered = street.delivered()
        assert street.taken and not street.held and not street.dropped
        assert delivered.keys() == street.taken == street.gateway.stored_ids()
        assert set(delivered.values()) == {1}
        assert street.gateway.sample()["gateway_readings"] == len(street.taken)

    run(tmp_path, live, nodes=10)


def test_nothing_is_lost_or_doubled_by_kills_and_power_cuts(tmp_path):
    async def live(street):
        for number in range(8):
            await asyncio.sleep(217)
            crash = street.gateway.power_cut if number % 2 else street.gateway.kill
            crash()
            assert street.gateway.gateway is None
            acknowledged = street.taken - street.held - street.dropped
            assert acknowledged <= street.gateway.stored_ids(), "acknowledged, and not durable"
            await asyncio.sleep(30)
            street.gateway.restart()
        await asyncio.sleep(300)
        await street.drain()
        await asyncio.sleep(5)
        assert street.ended() == {"kill": 4, "power cut": 4}
        delivered = street.delivered()
        assert delivered.keys() == street.taken == street.gateway.stored_ids()
        assert set(delivered.values()) == {1}

    run(tmp_path, live, nodes=10)


UPLINK = """
[uplink.city]
type = "mqtt"
url = "mqtt://city"
ack = "application"
ack_timeout_s = 10
"""


def test_city_has_every_reading_although_its_gateway_dies_amid_deliveries(tmp_path):
    async def live(street):
        for number in range(6):
            await asyncio.sleep(131.7)
            crash = street.gateway.power_cut if number % 2 else street.gateway.kill
            crash()
            await asyncio.sleep(20)
            street.gateway.restart()
        await asyncio.sleep(300)
        await street.drain()
        await asyncio.sleep(60)
        delivered = street.at_the_city()
        assert street.taken and delivered.keys() == street.taken == street.gateway.stored_ids()
        assert street.gateway.depths() == {"city": 0}

    run(tmp_path, live, nodes=10, more=UPLINK)


def test_kills_leave_no_descriptor_no_task_and_no_file_behind(tmp_path):
    async def live(street):
        seen, kills = [], 1000 if is_full_size() else 50
        for number in range(kills):
            await asyncio.sleep(5 + number % 50 / 7)
            crash = street.gateway.power_cut if number % 2 else street.gateway.kill
            crash()
            await asyncio.sleep(1)
            assert await street.gateway.start()
            seen.append((len(os.listdir("/proc/self/fd")), len(street.loop.tasks()),
                         len(list(tmp_path.rglob("*")))))
        for before, after in zip(zip(*seen[:25]), zip(*seen[25:])):
            assert max(after) <= max(before), seen

    run(tmp_path, live, nodes=3)
