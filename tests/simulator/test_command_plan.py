"""What the city asks for: drawn before the run, and the same in a smaller one."""

import asyncio
from collections import Counter

import pytest

from gateway import commands as gateway_commands
from gateway.commands import Request
from simulator import command_plan, scenario, virtual_time
from simulator.command_plan import commands_of
from simulator.happenings import CommandGiven
from simulator.plan import Plan
from simulator.sim_city import SimCity
from simulator.targets import targets_of

TEXT = """
[scenario]
summary = "A street of which much is asked."
nodes = 20
hours = 48
start = 2026-11-12T12:00:00+01:00

[commands]
per_hour = 40
expires = "2h"

[[command]]
at = "18:30"
node = "lamp 7"
operation = "dim"
value = 30
for = "2h"
expires = "10m"

[[command]]
at = "+1h"
node = "parking 4"
operation = "execute"
path = "/42801/0/4"
"""


def plan(seed=1, **size):
    return Plan.of(scenario.parse(TEXT, "busy"), seed, **size)


def test_written_commands_come_at_their_time():
    found = commands_of(plan())
    (dim,) = [each for each in found if each.value == (30, 7200) and each.expires_s == 600]
    assert (dim.at_s, dim.node, dim.operation, dim.path) == (6.5 * 3600, "lamp 7", "dim", "")
    (execute,) = [each for each in found if each.path == "/42801/0/4"]
    assert (execute.at_s, execute.value) == (3600, None)


def test_as_many_are_drawn_as_the_scenario_says_of_every_kind_of_furniture():
    found = commands_of(plan())
    assert len(found) == pytest.approx(2 + 40 * 47.5, rel=0.1)
    assert {each.node for each in found} == {
        name for name in targets_of(plan().scenario, 20).nodes}
    assert min(Counter(each.operation for each in found).values()) > 20


def test_a_smaller_or_shorter_run_moves_no_command():
    whole, names = commands_of(plan()), {"bin 1", "bin 2", "parking 3"}
    assert [each for each in whole if each.node in names] == list(commands_of(plan(nodes=3)))
    early = [each for each in whole if each.at_s < 21 * 3600]
    shorter = [each for each in commands_of(plan(hours=24)) if each.at_s < 21 * 3600]
    assert early == shorter and commands_of(plan(2)) != whole


def test_every_command_ends_before_the_run_does():
    found = commands_of(plan())
    assert all(each.at_s + each.expires_s <= 48 * 3600 for each in found)
    assert max(each.at_s for each in found) < 47.5 * 3600


def test_gateway_takes_every_command_that_is_drawn():
    for each in commands_of(plan()):
        fields = {"path": each.path or None, "value": each.value}
        if each.operation == "dim":
            fields = dict(zip(("level", "for_s"), each.value, strict=True))
        request = Request("x", "lamp", each.operation, expires_s=each.expires_s, **fields)
        assert gateway_commands.new_command(request, 0, 1).expires_ms == each.expires_s * 1000


def test_city_gives_them_in_their_time():
    told = []

    async def main():
        loop = asyncio.get_running_loop()
        city = SimCity(loop, told.append, 1)
        command_plan.schedule(
            commands_of(plan(hours=10)), loop, city, lambda node: ("gateway-1", f"urn:{node}"))
        await asyncio.sleep(10 * 3600)

    virtual_time.run(main)
    given = [each for each in told if isinstance(each, CommandGiven)]
    planned = commands_of(plan(hours=10))
    assert [(round(each.time_us / 1e6, 3), each.endpoint, each.value) for each in given] == [
        (each.at_s, f"urn:{each.node}", each.value) for each in planned]
