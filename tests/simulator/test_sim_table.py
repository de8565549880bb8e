"""The city's table keeps identities as ranges, and loses and doubles none."""

import asyncio
import json

from hypothesis import given
from hypothesis import strategies as st

from gateway.uplinks.mqtt_connection import Delivery
from simulator import virtual_time
from simulator.happenings import ReadingDelivered
from simulator.number_set import NumberSet
from simulator.sim_table import SimTable


@given(st.lists(st.integers(0, 30), max_size=60))
def test_numbers_are_a_set_whatever_the_order(added):
    numbers, expected = NumberSet(), set()
    for number in added:
        assert numbers.add(number) == (number not in expected)
        expected.add(number)
        assert list(numbers) == sorted(expected) and len(numbers) == len(expected)


def test_message_that_is_no_pack_is_counted_and_costs_its_neighbours_nothing():
    told = []

    async def main():
        table = SimTable(asyncio.get_running_loop(), told.append, 1_765_000_000)
        topic = "faubourg/v1/gateway-1/lamp/alarms"
        pack = json.dumps([{"bn": "lamp", "n": "/3416/0/3", "v": 21.50, "t": 17.25}]).encode()
        table.commit([
            Delivery(1, topic, pack, None, None, 1, (("id", "7:3"),)),
            Delivery(2, topic, b"nonsense", None, None, 1, (("id", "7:4"),)),
            Delivery(3, topic, pack, None, None, 1, (("id", "unsequenced:5:1"),)),
        ])
        return table

    table = virtual_time.run(main)
    assert table.ids() == {("lamp", 7, 3), ("lamp", "unsequenced:5", 1)}
    assert table.counters["refused"] == len(table.refused) == 1
    assert told[0] == ReadingDelivered(
        0, "gateway-1", "lamp", 7, 3, "alarms", "/3416/0/3", "/3416/0/3=21.5", 17250)
