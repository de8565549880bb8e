"""Protected messages with anything wrong with them: no forgery, no exception, no growth."""

import asyncio
import gc
from random import Random

import cbor2
from aiocoap import GET, Message

from protocol import coap_message as coap
from protocol import oscore, oscore_option
from tests.full_size import is_full_size
from tests.gateway import coap_street
from tests.gateway.oscore_keys import credentials_of_node
from tests.gateway.protected_node import context_of
from tests.gateway.secure_bench import PEER, bench

MESSAGES = 200_000 if is_full_size() else 4_000
TURN = 50
OBJECTS_MAX = 1000


def run(coroutine):
    return asyncio.run(coroutine) if is_full_size() else coap_street.run(coroutine)


def mutated(random, datagram):
    """Change a datagram in one to four places, or cut it, or put another one's part in."""
    data = bytearray(datagram)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        place = random.randrange(len(data)) if data else 0
        kind = random.randrange(6)
        if kind == 0 and data:
            data[place] ^= 1 << random.randrange(8)
        elif kind == 1 and data:
            data[place] = random.choice((0, 1, 0x0D, 0x0E, 0x0F, 0x7F, 0x90, 0xFF))
        elif kind == 2:
            del data[place : place + random.randrange(1, 4)]
        elif kind == 3:
            data[place:place] = random.randbytes(random.randrange(1, 5))
        elif kind == 4:
            del data[place:]
        else:
            start = random.randrange(len(datagram))
            data[place : place + 6] = datagram[start : start + 6]
    return bytes(data)


def objects_of(table):
    """Return how many objects there are, besides the memory for duplicates, which is bounded."""
    table.messages._recent._entries.clear()
    gc.collect()
    return len(gc.get_objects())


def test_mutated_requests_are_never_taken_for_what_no_node_has_sent(tmp_path):
    async def case():
        random = Random(1)
        async with bench(tmp_path) as table:
            await table.add_nodes(range(8))
            taken, objects = [], []
            for index in range(MESSAGES):
                request = table.request(
                    index % 8, b"%d" % index, type=random.choice((coap.CON, coap.NON)),
                    options=[(coap.URI_QUERY, b"q=1"), (coap.CONTENT_FORMAT, b"\x70")])
                table.wire.receive(mutated(random, request), random.choice((PEER, ("::1", 9))))
                if index % TURN == 0 or index == MESSAGES - 1:
                    await asyncio.sleep(0.001)
                    table.wire.sent.clear()
                    taken += [int(each.payload) for _, each in table.handlers.requests
                              if each.queries == ("q=1",)]
                    assert len(taken) == len(set(taken)), "a request was taken twice"
                    table.handlers.requests.clear()
                if index in (MESSAGES // 2, MESSAGES - 1):
                    objects.append(objects_of(table))
            # Type, message id and token belong to nobody: some are taken all the same.
            assert 0 < len(taken) < MESSAGES / 2 and set(taken) <= set(range(MESSAGES))
            assert objects[1] - objects[0] < OBJECTS_MAX, "it grows"

    run(case())


def test_mutated_responses_answer_nothing_and_end_nothing(tmp_path):
    async def case():
        random = Random(2)
        async with bench(tmp_path) as table:
            await table.add_nodes([1])
            arrived = []
            node = context_of(credentials_of_node(1))
            remote = table.layer.address("n1", table.context.address(PEER))
            message = Message(code=GET, observe=0, uri_path=("3303", "0"))
            message.remote = remote
            stop = table.context.send(message, lambda each: arrived.append(each) or True)
            asked = coap.decode(table.wire.sent.pop()[0])
            option = oscore_option.decode(coap.option(asked.options, coap.OSCORE))
            _, request_id = oscore.unprotect_request(node, asked, option)
            for index in range(MESSAGES // 4):
                inner = coap.Message(
                    coap.CON, coap.CONTENT, index % 0x10000, asked.token,
                    [(coap.OBSERVE, b""), (coap.CONTENT_FORMAT, b"\x70")],
                    cbor2.dumps([{0: "/3303/0/5700", 2: index}]))
                answer = coap.encode(oscore.protect_response(node, inner, request_id, index + 1))
                table.wire.receive(mutated(random, answer))
                if index % TURN == 0:
                    await asyncio.sleep(0)
                    table.wire.sent.clear()
            values = [cbor2.loads(each.payload)[0][2] for each in arrived]
            assert len(values) == len(set(values)) < MESSAGES / 8
            assert all(0 <= value < MESSAGES // 4 for value in values)
            assert table.tables()["outgoing"] == 1, "the observation has ended"
            stop()
            assert table.tables()["outgoing"] == 0

    run(case())


def test_any_option_whatever_is_answered_in_order(tmp_path):
    async def case():
        async with bench(tmp_path) as table:
            await table.add_nodes([0])
            for flags in range(256):
                for tail in (b"", b"\x00", b"\x05", b"\xff" * 3, bytes(5), bytes(11)):
                    head = bytes((0x40, coap.POST, flags, len(tail), 0x91 + len(tail), flags))
                    table.wire.receive(head + tail + b"\xff" + bytes(12))
                    await asyncio.sleep(0)
                    [(answer, _)] = table.wire.sent
                    table.wire.sent.clear()
                    assert coap.decode(answer).code in (
                        coap.BAD_OPTION, coap.UNAUTHORIZED, coap.BAD_REQUEST)
            assert table.tables()["recent"] == table.tables()["unanswered"] == 0

    run(case())
