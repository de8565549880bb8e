"""The gateway's resources, asked by aiocoap's own client and with raw datagrams."""

import asyncio
import logging

from aiocoap import DELETE, GET, POST, PUT, Message

from gateway.coap_bodies import GATHERINGS_MAX
from gateway.coap_log import PEERS_MAX, PeerLog
from gateway.coap_server import GatewayResource
from gateway.refusal import Refused
from tests.gateway.coap_street import Handlers, RawPeer, client, run, serving, serving_handlers
from tests.portable import seeded_bytes


async def ask(context, port, code, path, **fields):
    message = Message(code=code, uri=f"coap://127.0.0.1:{port}{path}", **fields)
    return await context.request(message).response


def test_send_is_handed_on_with_body_format_and_peer():
    async def case():
        async with serving_handlers() as (handlers, _, port), client() as node:
            answer = await ask(node, port, POST, "/dp", payload=b"pack", content_format=112)
            name, request = handlers.requests[0]
            assert answer.code.dotted == "2.04" and name == "send"
            assert (request.payload, request.content_format) == (b"pack", 112)
            assert request.remote.peer[0] == "127.0.0.1"

    run(case())


def test_send_is_answered_only_when_its_handler_returns():
    async def case():
        async with serving_handlers() as (handlers, _, port), client() as node:
            handlers.gate = asyncio.Event()
            answer = asyncio.ensure_future(ask(node, port, POST, "/dp", payload=b"x"))
            while not handlers.requests:
                await asyncio.sleep(0.01)
            assert not answer.done()
            handlers.gate.set()
            assert (await answer).code.dotted == "2.04"

    run(case())


def test_register_gives_the_location_under_rd():
    async def case():
        async with serving_handlers() as (_, _, port), client() as node:
            answer = await ask(node, port, POST, "/rd?ep=a&lt=60", payload=b"</3/0>")
            assert answer.code.dotted == "2.01"
            assert answer.opt.location_path == ("rd", "abcd")

    run(case())


def test_update_and_deregister_carry_the_location():
    async def case():
        async with serving_handlers() as (handlers, _, port), client() as node:
            updated = await ask(node, port, POST, "/rd/abcd?lt=30")
            deleted = await ask(node, port, DELETE, "/rd/abcd")
            assert (updated.code.dotted, deleted.code.dotted) == ("2.04", "2.02")
            names = [name for name, _ in handlers.requests]
            assert names == ["update abcd", "deregister abcd"]

    run(case())


def test_refusal_is_answered_with_its_code_and_reason():
    async def case():
        async with serving_handlers() as (handlers, site, port), client() as node:
            handlers.refusal = Refused("5.03", "disk full")
            answer = await ask(node, port, POST, "/dp", payload=b"x")
            assert (answer.code.dotted, answer.payload) == ("5.03", b"disk full")
            assert site.counters["refused 5.03"] == 1

    run(case())


def test_other_paths_and_methods_are_refused():
    async def case():
        async with serving_handlers() as (_, _, port), client() as node:
            wanted = {
                (GET, "/"): "4.04",
                (POST, "/rd/a/b"): "4.04",
                (GET, "/dp"): "4.05",
                (PUT, "/rd"): "4.05",
                (POST, "/.well-known/core"): "4.05",
            }
            for (code, path), dotted in wanted.items():
                assert (await ask(node, port, code, path)).code.dotted == dotted

    run(case())


def test_discovery_lists_both_interfaces_whole_and_in_blocks():
    async def case():
        async with serving_handlers() as (_, _, port), client() as node:
            whole = await ask(node, port, GET, "/.well-known/core")
            assert whole.opt.content_format == 40 and b"</rd>" in whole.payload
            cut = await ask(node, port, GET, "/.well-known/core", block2=(0, False, 0))
            assert cut.payload == whole.payload

    run(case())


def test_body_in_blocks_arrives_whole():
    async def case():
        async with serving_handlers() as (handlers, _, port), client() as node:
            body = bytes(range(256)) * 20
            answer = await ask(node, port, POST, "/dp", payload=body, content_format=112)
            assert answer.code.dotted == "2.04"
            assert [request.payload for _, request in handlers.requests] == [body]

    run(case())


def test_body_over_the_limit_is_refused_with_the_limit():
    async def case():
        async with (
            serving_handlers(2000) as (handlers, _, port),
            client() as node,
        ):
            answer = await ask(node, port, POST, "/dp", payload=bytes(3000))
            assert (answer.code.dotted, answer.opt.size1) == ("4.13", 2000)
            assert handlers.requests == []

    run(case())


def test_block_out_of_order_is_refused():
    async def case():
        async with serving_handlers() as (_, _, port):
            peer = await RawPeer.connect(port)
            # CON POST /dp, Block1 number 1, last, 16 bytes
            answer = await peer.ask(bytes.fromhex("40020001b26470d10310ff00"))
            assert answer[1] == 0x88
            peer.close()

    run(case())


def test_unknown_critical_option_is_refused_and_elective_one_ignored():
    async def case():
        async with serving_handlers() as (_, _, port):
            peer = await RawPeer.connect(port)
            answer = await peer.ask(bytes.fromhex("40020001b26470d22a010aff00"))  # option 66
            assert answer[1] == 0x44
            answer = await peer.ask(bytes.fromhex("40020002b26470d22b010aff00"))  # option 67
            assert answer[1] == 0x82
            peer.close()

    run(case())


def test_proxy_request_is_refused_as_such():
    async def case():
        async with serving_handlers() as (_, _, port):
            peer = await RawPeer.connect(port)
            answer = await peer.ask(bytes.fromhex("40010001d41674657374"))  # option 35 "test"
            assert answer[1] == 0xA5
            peer.close()

    run(case())


def test_malformed_datagrams_get_a_reset_or_silence_and_are_counted():
    async def case():
        async with serving_handlers() as (_, _, port):
            peer = await RawPeer.connect(port)
            for malformed in ("4f020001", "40020001ff", "40020001f1", "40200001", "400000010a"):
                answer = await peer.ask(bytes.fromhex(malformed))
                assert answer == bytes.fromhex("70000001"), malformed
            for ignored in ("", "00", "80020001", "50020001ff", "60010001"):
                peer.send(bytes.fromhex(ignored))
            assert await peer.is_quiet()
            peer.close()

    run(case())


def test_random_datagrams_disturb_nobody():
    async def case():
        async with serving_handlers() as (_, site, port), client() as node:
            peer = await RawPeer.connect(port)
            noise = seeded_bytes(3, 40_000)
            for start in range(0, len(noise), 40):
                peer.send(b"\x41\x02" + noise[start : start + start % 40])
                if start % 4000 == 0:
                    await asyncio.sleep(0)
            answer = await ask(node, port, POST, "/dp", payload=b"x")
            assert answer.code.dotted == "2.04" and site.counters["errors"] == 0
            peer.close()

    run(case())


def test_repeated_request_is_answered_again_and_handled_once():
    async def case():
        async with serving_handlers() as (handlers, _, port):
            peer = await RawPeer.connect(port)
            request = bytes.fromhex("41021234aab26470ff00")
            first = await peer.ask(request)
            assert await peer.ask(request) == first
            assert len(handlers.requests) == 1
            peer.close()

    run(case())


def test_ping_is_answered_with_a_reset():
    async def case():
        async with serving_handlers() as (_, _, port):
            peer = await RawPeer.connect(port)
            assert await peer.ask(bytes.fromhex("40001234")) == bytes.fromhex("70001234")
            peer.close()

    run(case())


def test_answer_that_takes_long_is_acknowledged_first_and_sent_by_itself():
    async def case():
        handlers = Handlers()
        handlers.gate = asyncio.Event()
        async with serving(GatewayResource(handlers, handlers, 1000)) as (context, port):
            context._tuning.EMPTY_ACK_DELAY = 0.05
            peer = await RawPeer.connect(port)
            request = bytes.fromhex("41021234aab26470ff00")
            assert await peer.ask(request) == bytes.fromhex("60001234")
            assert await peer.ask(request) == bytes.fromhex("60001234")
            handlers.gate.set()
            response = await peer.answer()
            assert (response[0] >> 4, response[1], response[4:5]) == (4, 0x44, b"\xaa")
            peer.send(b"\x60\x00" + response[2:4])
            assert await peer.is_quiet() and len(handlers.requests) == 1
            peer.close()

    run(case())


def test_request_answered_with_no_response_option_gets_an_empty_acknowledgement():
    async def case():
        async with serving_handlers() as (_, _, port):
            peer = await RawPeer.connect(port)
            # CON POST /dp with No-Response 2 (RFC 7967): nothing of class 2 is wanted.
            request = bytes.fromhex("41021234aab26470d1ea02ff00")
            assert await peer.ask(request) == bytes.fromhex("60001234")
            peer.close()

    run(case())


def test_peer_log_says_a_thing_once_a_minute_and_then_how_often(caplog):
    peer_log = PeerLog(logging.getLogger("test"))
    for second in range(61):
        peer_log.warning("peer", "wrong", float(second))
    peer_log.warning("other", "wrong", 61.0)
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        "'peer': wrong",
        "'peer': wrong (59 more since its last line)",
        "'other': wrong",
    ]


def test_peer_log_forgets_the_oldest_peer_when_there_are_too_many():
    peer_log = PeerLog(logging.getLogger("test"))
    for number in range(3 * PEERS_MAX):
        peer_log.warning(number, "wrong", 0.0)
    assert not peer_log.warning(3 * PEERS_MAX - 1, "wrong", 1.0)
    assert peer_log.warning(0, "wrong", 1.0)


def test_unfinished_bodies_are_bounded_and_the_oldest_gives_way():
    async def case():
        async with serving_handlers() as (_, site, port):
            peers = [await RawPeer.connect(port) for _ in range(GATHERINGS_MAX + 5)]
            block = bytes.fromhex("40020001b26470d10308ff") + bytes(16)
            for peer in peers:
                assert (await peer.ask(block))[1] == 0x5F
            assert len(site._bodies) == GATHERINGS_MAX
            last = bytes.fromhex("40020002b26470d10310ff") + bytes(3)
            assert (await peers[0].ask(last))[1] == 0x88
            assert (await peers[-1].ask(last))[1] == 0x44
            for peer in peers:
                peer.close()

    run(case())
