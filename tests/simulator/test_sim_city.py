"""The city in virtual time behind the real uplink: what its faults do, and what they cannot."""

import asyncio
from collections import Counter
from random import Random

import pytest

from gateway.settings import MqttUplink as MqttSettings
from simulator.happenings import MessagePublished
from simulator.sim_broker import NOT_AUTHORIZED, QUOTA_EXCEEDED, Durability
from simulator.sim_city import Ack
from tests.gateway.uplink_rows import alarm, row
from tests.simulator.city_bench import run

BROKER = {"ack": "broker"}
IDS = [("lamp", 1, sequence) for sequence in range(20)]


async def commit(bench, numbers=range(20)):
    await bench.commit(*[alarm(each) if each % 5 == 0 else row(each) for each in numbers])


@pytest.mark.parametrize("ack", ["application", "broker"])
def test_each_reading_is_told_once_and_acknowledged(tmp_path, ack):
    async def script(bench):
        await commit(bench)
        await bench.gateways[0].drained()
        return bench

    bench = run(tmp_path, script, uplink={"ack": ack})
    assert sorted(bench.delivered()) == IDS and bench.city.table.ids() == set(IDS)
    assert not bench.city.table.copies and bench.city.waiting() == 0


def test_silent_consumer_gets_it_again_and_a_row_counts_once(tmp_path):
    async def script(bench):
        bench.city.ack = Ack.NEVER
        await commit(bench)
        await asyncio.sleep(600)
        assert await bench.gateways[0].depth() == 20
        bench.city.ack = Ack.ONCE
        await bench.gateways[0].drained()
        return bench

    bench = run(tmp_path, script)
    assert len(bench.city.table) == 20 and len(bench.delivered()) > 20
    assert Counter(bench.delivered()) == {each: 1 for each in IDS} | bench.city.table.copies


@pytest.mark.parametrize(("ack", "has_copies"), [(Ack.LATE, True), (Ack.TWICE, False)])
def test_late_acknowledgement_brings_copies_and_a_second_one_none(tmp_path, ack, has_copies):
    async def script(bench):
        bench.city.ack = ack
        await commit(bench)
        await bench.gateways[0].drained()
        await asyncio.sleep(100)
        return bench

    bench = run(tmp_path, script)
    assert len(bench.city.table) == 20 and bool(bench.city.table.copies) == has_copies
    # What was acknowledged before is acknowledged again.
    assert bench.gateways[0].pump.counters["acknowledgements unknown"]


def test_consumer_that_dies_between_commit_and_acknowledgement_gets_it_again(tmp_path):
    async def script(bench):
        bench.city.die_after_commit(40.0)
        await commit(bench)
        await bench.gateways[0].drained()
        return bench

    bench = run(tmp_path, script)
    assert len(bench.city.table) == 20 and bench.city.table.copies


@pytest.mark.parametrize("reason", [NOT_AUTHORIZED, QUOTA_EXCEEDED])
def test_refused_readings_are_kept_until_the_broker_takes_them(tmp_path, reason):
    async def script(bench):
        bench.city.refusal = reason
        await commit(bench)
        await asyncio.sleep(60)
        assert await bench.gateways[0].depth() == 20 and not bench.delivered()
        bench.city.refusal = 0
        await bench.gateways[0].drained()
        return bench

    bench = run(tmp_path, script, uplink=BROKER)
    assert sorted(bench.delivered()) == IDS
    assert {each.reason for each in bench.told(MessagePublished)} >= {0, reason}


def test_broker_that_forgets_costs_readings_only_where_its_word_is_trusted(tmp_path):
    async def script(bench):
        bench.city.consumer_down()
        await commit(bench)
        await asyncio.sleep(20)
        assert bench.city.waiting()
        bench.city.broker_down()
        await asyncio.sleep(20)
        bench.city.broker_up()
        bench.city.consumer_up()
        await bench.gateways[0].drained()
        await asyncio.sleep(100)
        return bench

    for number, (ack, durability, count) in enumerate((
        ("broker", Durability.NEVER, 0), ("broker", Durability.SNAPSHOTS, 0),
        ("broker", Durability.ALWAYS, 20), ("application", Durability.NEVER, 20),
    )):
        folder = tmp_path / str(number)
        folder.mkdir()
        bench = run(folder, script, uplink={"ack": ack}, durability=durability)
        assert len(bench.city.table) == count, (ack, durability)
        assert (bench.city.broker.forgotten == 0) == (durability == Durability.ALWAYS)


@pytest.mark.parametrize("is_silent", [False, True])
def test_connection_that_breaks_mid_way_loses_nothing(tmp_path, is_silent):
    async def script(bench):
        bench.city.delay_s = 5.0
        await commit(bench)
        await asyncio.sleep(2)
        bench.city.cut("gateway-1", is_silent)
        await bench.gateways[0].drained()
        return bench

    bench = run(tmp_path, script, uplink=BROKER)
    # The broker had them, but its answer was lost.
    assert len(bench.city.table) == 20 and bench.city.table.copies


def test_broker_that_never_answers_is_left_and_tried_again(tmp_path):
    async def script(bench):
        bench.city.ack = Ack.NEVER
        await commit(bench)
        await asyncio.sleep(300)
        assert await bench.gateways[0].depth() == 20
        bench.city.ack = Ack.ONCE
        await bench.gateways[0].drained()
        return bench

    bench = run(tmp_path, script, uplink=BROKER)
    assert len(bench.city.table) == 20
    assert bench.gateways[0].pump.counters["connections failed"] >= 3


@pytest.mark.parametrize(("is_silent", "later_s"), [(False, 0.1), (True, 37.5)])
def test_severed_gateway_reaches_nobody_and_the_broker_says_that_it_is_offline(
        tmp_path, is_silent, later_s):
    async def script(bench):
        watcher = await bench.city.connect(MqttSettings(url="mqtt://x"), "watcher", None)
        await watcher.subscribe("faubourg/v1/+/status")
        bench.city.sever("gateway-1", is_silent)
        bench.gateways[0].task.cancel()
        before = len(bench.told(MessagePublished))
        await bench.commit(row(1))
        await asyncio.sleep(later_s - 0.09)
        assert watcher.deliveries.empty()
        await asyncio.sleep(1)
        assert b"offline" in watcher.deliveries.get_nowait().payload
        assert not bench.delivered() and len(bench.told(MessagePublished)) == before

    run(tmp_path, script)


def test_readings_of_one_node_by_two_gateways_count_once_and_each_hears_of_its_own(tmp_path):
    async def script(bench):
        for number in range(2):
            await bench.commit(row(1), row(2 + number), gateway=number)
        for gateway in bench.gateways:
            await gateway.drained()
        return bench

    bench = run(tmp_path, script, gateways=("gateway-1", "gateway-2"))
    assert bench.city.table.ids() == {("lamp", 1, number) for number in (1, 2, 3)}
    assert bench.city.table.copies == {("lamp", 1, 1): 2}
    assert all(not each.pump.counters["acknowledgements unknown"] for each in bench.gateways)


def test_command_is_answered_once_and_survives_a_broker_that_forgets(tmp_path):
    async def script(bench):
        first = bench.city.give("gateway-1", "lamp", "dim", value=(30, 60), expires_s=600)
        await asyncio.sleep(5)
        bench.city.broker_down()
        second = bench.city.give("gateway-1", "lamp", "write", "/3416/0/4", 80)
        await asyncio.sleep(5)
        bench.city.broker_up()
        await asyncio.sleep(300)
        return bench, first, second

    bench, first, second = run(tmp_path, script, durability=Durability.NEVER)
    assert bench.given() == [first, second] == bench.gateways[0].done
    assert bench.answers() == [(first, "done"), (second, "done")]
    assert not bench.city.commander.unanswered


def test_command_whose_answer_a_crash_took_is_asked_for_again_and_not_done_again(tmp_path):
    async def script(bench):
        command = bench.city.give("gateway-1", "lamp", "resume")
        await asyncio.sleep(0.025)
        bench.city.broker_down()
        await asyncio.sleep(1)
        bench.city.broker_up()
        await asyncio.sleep(300)
        return bench, command

    bench, command = run(tmp_path, script, durability=Durability.NEVER)
    assert bench.gateways[0].done == [command] and (command, "done") in bench.answers()


def test_uplink_with_nothing_to_do_sleeps(tmp_path):
    async def script(bench):
        await commit(bench)
        await bench.gateways[0].drained()
        before = bench.gateways[0].clock.looks
        await asyncio.sleep(3600)
        looks = bench.gateways[0].clock.looks - before
        await commit(bench, range(20, 30))
        await bench.gateways[0].drained()
        return looks, len(bench.city.table)

    looks, count = run(tmp_path, script)
    # A district's gateways are asked for a year: each look costs a simulation.
    assert looks <= 4 * 60 and count == 30


async def troubled(bench):
    """Commit readings and give commands while faults that a seed draws come and go."""
    random, city = Random("faults"), bench.city
    begin = [
        lambda: city.broker_down(random.random() < 0.5), city.consumer_down,
        lambda: setattr(city, "ack", random.choice(list(Ack))),
        lambda: setattr(city, "delay_s", 7.0), lambda: setattr(city, "refusal", QUOTA_EXCEEDED),
        lambda: city.cut("gateway-1", random.random() < 0.5), lambda: city.die_after_commit(9.0),
    ]
    for number in range(40):
        random.choice(begin)()
        await commit(bench, range(5 * number, 5 * number + 5))
        city.give("gateway-1", "lamp", "resume")
        await asyncio.sleep(random.uniform(1, 60))
        city.broker_up()
        city.consumer_up()
        city.ack, city.delay_s, city.refusal = Ack.ONCE, 0.0, 0
    await bench.gateways[0].drained()
    await asyncio.sleep(600)
    return bench


@pytest.mark.parametrize(("ack", "durability"), [
    ("application", Durability.NEVER), ("application", Durability.SNAPSHOTS),
    ("broker", Durability.ALWAYS)])
def test_nothing_is_lost_in_drawn_troubles_and_equal_seeds_tell_the_same(
        tmp_path, ack, durability):
    told = []
    for number, seed in enumerate((1, 1, 2)):
        folder = tmp_path / str(number)
        folder.mkdir()
        bench = run(folder, troubled, seed=seed, uplink={"ack": ack}, durability=durability)
        assert len(bench.city.table) == 200 and bench.city.table.copies
        # Asked again, one may come after one that was asked later; none is done twice.
        assert sorted(bench.gateways[0].done) == sorted(bench.given())
        assert {command for command, _ in bench.answers()} == set(bench.given())
        told.append(bench.happenings)
    assert told[0] == told[1] != told[2]
