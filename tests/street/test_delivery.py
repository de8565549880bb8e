"""Nodes that lose their power, or their gateway, with readings that nobody has acknowledged."""

import signal

import pytest

from gateway import sequence_ranges
from tests.street.processes import until

HELD_MIN = 3


def delivered(gateway, endpoint):
    """Return [((boot, sequence), path and value)] of a node, as the file uplink has them."""
    found = []
    for pack in gateway.lines():
        if pack[0]["bn"] != endpoint:
            continue
        boot, _, ranges = pack[0]["id"].partition(":")
        numbers = sequence_ranges.expand(sequence_ranges.parse(ranges))
        records = [record for record in pack if "n" in record]
        found += [((int(boot), number), content(record))
                  for number, record in zip(numbers, records, strict=True)]
    return found


def without_holes(numbers):
    """Tell whether in each boot every number from 1 to the last is there."""
    boots = {boot: [each for each in numbers if each[0] == boot] for boot, _ in numbers}
    return all(sorted(set(here)) == [(boot, number) for number in range(1, max(here)[1] + 1)]
               for boot, here in boots.items())


def content(record):
    return record["n"], next(record[key] for key in ("v", "vb", "vs", "vd") if key in record)


def hold_readings(node, gateway):
    """Have a node send readings that its gateway is in no state to acknowledge."""
    gateway.pause()
    known = len(node.taken())
    until(lambda: len(node.taken()) >= known + HELD_MIN, node.said)


def restart(node, gateway):
    """Take the node's power while its Send is under way, and give it back."""
    node.close()
    gateway.go_on()
    node.start()
    until(lambda: gateway.state(node.endpoint) == "registered", gateway.said)
    node.wait_for_another("ReadingsAcknowledged")


def say_goodbye(node, gateway):
    """Let a node deliver what it holds and go; wait until the file has all it ever took.

    It may have been killed before it said that a reading has its number.
    """
    node.end(signal.SIGINT)
    taken = set(node.taken())
    until(lambda: taken <= {number for number, _ in delivered(gateway, node.endpoint)},
          lambda: sorted(taken - {number for number, _ in delivered(gateway, node.endpoint)}))
    return taken


@pytest.fixture(scope="module")
def reset_node(new_gateway, new_node):
    """A node that lost its power in the middle of a Send: gives (gateway, node, what it took)."""
    gateway = new_gateway("reset").start()
    node = new_node("reset-lamp", "lamp", 61, gateway).start()
    node.wait_for_another("ReadingsAcknowledged")
    hold_readings(node, gateway)
    restart(node, gateway)
    return gateway, node, say_goodbye(node, gateway)


def test_node_reset_in_the_middle_of_a_send_loses_and_doubles_nothing(reset_node):
    gateway, node, taken = reset_node
    numbers = [number for number, _ in delivered(gateway, node.endpoint)]
    assert len(numbers) == len(set(numbers))
    assert taken <= set(numbers)
    assert without_holes(numbers) and len({boot for boot, _ in numbers}) == 2


def test_ledger_of_a_node_that_was_reset_misses_nothing(reset_node):
    gateway, node, taken = reset_node
    shown = gateway.command_line("buffer", "explain", node.endpoint)
    assert shown.returncode == 0, shown.stdout + shown.stderr


@pytest.fixture(scope="module")
def moved_node(new_gateway, new_node):
    """A node that moved with readings which its first gateway has, unknown to it, or has not.

    Its keys have moved too: what was exported and imported is renewed when the node is heard.
    """
    first, second = new_gateway("first").start(), new_gateway("second").start()
    node = new_node("moving-lamp", "lamp", 62, first).start()
    node.wait_for_another("ReadingsAcknowledged")
    hold_readings(node, first)
    node.close()
    # What stood in its socket is stored now, and acknowledged to nobody.
    first.go_on()
    second.take_keys(first, node.endpoint)
    there = new_node("moving-lamp", "lamp", 62, second).start()
    # Renewed, and then replaced: each time the node registers anew.
    until(lambda: second.key_states(there.endpoint) == [("current", False)], second.said)
    until(lambda: second.state(there.endpoint) == "registered", second.said)
    there.wait_for_another("ReadingsAcknowledged")
    there.end(signal.SIGINT)
    taken = set(there.taken())

    def both():
        return [*delivered(first, there.endpoint), *delivered(second, there.endpoint)]

    until(lambda: taken <= {number for number, _ in both()}, lambda: sorted(taken))
    return second, there, taken, both()


def test_reading_that_both_gateways_have_is_one_reading_to_the_city(moved_node):
    _, _, taken, arrived = moved_node
    by_number = dict(arrived)
    assert taken <= set(by_number) and without_holes(by_number)
    assert len(arrived) > len(by_number), "nothing came by both ways: the test is idle"
    assert all(by_number[number] == said for number, said in arrived)


def test_second_gateway_misses_nothing_that_the_first_one_had(moved_node):
    second, node, _, _ = moved_node
    shown = second.command_line("buffer", "explain", node.endpoint)
    assert shown.returncode == 0, shown.stdout + shown.stderr
