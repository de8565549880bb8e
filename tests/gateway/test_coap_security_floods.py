"""Floods: what is kept for strangers has bounds, and a node is served all the same."""

import asyncio
from random import Random

from gateway.challenges import PER_S_MAX
from gateway.coap_bodies import GATHERINGS_MAX, PER_PEER_MAX
from gateway.coap_log import PEERS_MAX
from gateway.coap_security import AMPLIFICATION_MAX
from gateway.context_durability import SENDER_STEP
from protocol import coap_message as coap
from protocol.coap_block import Block
from tests.gateway.coap_street import run
from tests.gateway.secure_bench import bench

FLOOD = 3000


def stranger(random, number):
    """A request as somebody without keys can make it, from an address of its own."""
    kid, piv = random.randbytes(4), number.to_bytes(3, "big").lstrip(b"\0") or b"\0"
    option = bytes((0x08 | len(piv),)) + piv + kid
    message = coap.Message(coap.CON, coap.POST, number % 0x10000, random.randbytes(8),
                           [(coap.OSCORE, option)], random.randbytes(20))
    return coap.encode(message), (f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 5683)


async def is_served(table, number):
    """Tell whether a node's request is taken and answered."""
    taken = len(table.handlers.requests)
    table.wire.sent.clear()
    table.wire.receive(table.request(number, b"pack"))
    # What sent the answer is over a turn of the loop later.
    while not table.wire.sent or table.tables()["tasks"]:
        await asyncio.sleep(0.001)
    return len(table.handlers.requests) == taken + 1


def assert_nothing_is_kept(table):
    tables = table.tables()
    log, addresses = tables.pop("log"), tables.pop("addresses")
    assert log <= PEERS_MAX and addresses <= 2
    # The honest node's messages are what duplicates are told by.
    assert tables.pop("recent") <= 4 and not any(tables.values()), tables


def test_unknown_kids_cost_nothing_that_lasts_and_are_answered_briefly(tmp_path):
    async def case():
        random = Random(1)
        async with bench(tmp_path) as table:
            await table.add_nodes([1])
            for number in range(FLOOD):
                datagram, peer = stranger(random, number)
                table.wire.receive(datagram, peer)
                [(answer, to)] = table.wire.sent
                assert to == peer and len(answer) <= AMPLIFICATION_MAX * len(datagram)
                table.wire.sent.clear()
            assert table.layer.counters["unknown kid"] == FLOOD
            assert await is_served(table, 1)
            assert_nothing_is_kept(table)

    run(case())


def test_answers_to_nothing_are_rejected_and_forgotten(tmp_path):
    async def case():
        random = Random(1)
        async with bench(tmp_path) as table:
            await table.add_nodes([1])
            for number in range(FLOOD):
                request, peer = stranger(random, number)
                # The same as a response, CON and NON in turn.
                head = bytes((request[0] | (number & 1) << 4, coap.CONTENT))
                table.wire.receive(head + request[2:], peer)
                assert sum(len(each) for each, _ in table.wire.sent) <= 4
                table.wire.sent.clear()
            assert table.messages.counters["responses rejected"] == FLOOD
            assert await is_served(table, 1)
            assert_nothing_is_kept(table)

    run(case())


def test_giant_tokens_and_options_are_refused_and_forgotten(tmp_path):
    async def case():
        async with bench(tmp_path) as table:
            await table.add_nodes([1])
            for number in range(FLOOD // 10):
                for datagram in (
                    bytes((0x4F, 2, number >> 8, number & 255)) + bytes(600),  # token length 15
                    bytes((0x40, 2, number >> 8, number & 255, 0x9E, 0x03, 0xE8)) + bytes(1269),
                    bytes((0x40, 2, number >> 8, number & 255, 0x9D, 242)) + b"\x09\x01" + bytes(
                        253) + b"\xff" + bytes(1000),  # a kid of 253 bytes
                    bytes((0x40, 2, number >> 8, number & 255)) + b"\x10" * 1200,  # options
                ):
                    table.wire.receive(datagram)
                    assert sum(len(each) for each, _ in table.wire.sent) <= len(datagram)
                    table.wire.sent.clear()
            assert await is_served(table, 1)
            assert_nothing_is_kept(table)

    run(case())


def test_bodies_that_are_never_finished_give_way_to_each_other(tmp_path):
    async def case():
        async with bench(tmp_path) as table:
            await table.add_nodes([1, 2])
            table.wire.receive(table.request(
                2, bytes(64), options=[(coap.BLOCK1, Block(0, True, 2).encode())]))
            await asyncio.sleep(0.01)
            for number in range(5 * GATHERINGS_MAX):
                options = [(coap.BLOCK1, Block(0, True, 2).encode()),
                           (coap.URI_QUERY, b"%d" % number)]
                table.wire.receive(table.request(1, bytes(64), options=options))
                if number % 20 == 0:
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            assert table.tables()["bodies"] == PER_PEER_MAX + 1
            # What another node has begun is still there.
            table.wire.receive(table.request(
                2, b"end", options=[(coap.BLOCK1, Block(1, False, 2).encode())]))
            while not table.handlers.requests:
                await asyncio.sleep(0.001)
            assert table.handlers.requests[0][1].payload == bytes(64) + b"end"

    run(case())


def test_recorded_requests_after_a_kill_draw_few_challenges_and_few_numbers(tmp_path):
    async def case():
        async with bench(tmp_path, is_killed=True) as table:
            await table.add_nodes([1])
            assert await is_served(table, 1)
            recorded = [table.request(1, b"recorded") for _ in range(FLOOD // 10)]
            node = table
        async with bench(tmp_path) as table:
            context = table.contexts.find(bytes((0, 0, 0, 2)), None)[0]
            first = context.sender_sequence_number
            loop = asyncio.get_running_loop()
            began_s = loop.time()
            for number, datagram in enumerate(recorded * 4):
                again = datagram[:2] + number.to_bytes(2, "big") + datagram[4:]
                table.wire.receive(again, ("10.0.0.1", 5683))
                assert sum(len(each) for each, _ in table.wire.sent) <= (
                    AMPLIFICATION_MAX * len(datagram))
                table.wire.sent.clear()
            seconds = int(loop.time() - began_s) + 2
            used = context.sender_sequence_number - first
            assert 0 < used <= PER_S_MAX * seconds < SENDER_STEP
            assert not table.handlers.requests
            # The node itself is challenged once the second is over, and heard.
            table.layer._challenges.forget_all()
            table._keys, table._sequences = node._keys, node._sequences
            table.wire.receive(table.request(1, b"pack"))
            [(challenge, _)] = table.wire.sent
            assert coap.decode(challenge).type == coap.ACK
            echo = context.echo_recovery
            table.wire.receive(table.request(1, b"pack", options=[(coap.ECHO, echo)]))
            while not table.handlers.requests:
                await asyncio.sleep(0.001)

    run(case())
