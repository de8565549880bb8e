"""Exchanges inside the protection: Observe, block-wise transfer, a node that wants to be sure."""

import asyncio

import cbor2
import pytest

from gateway.operations import Operation, OperationFailed
from protocol import coap_message as coap
from protocol.coap_block import Block
from tests.gateway.service_street import until
from tests.gateway.test_coap_security import LAMP, PACK, code_text, counted, run, street


def test_notifications_are_verified_kept_once_and_acknowledged_after_their_commit(tmp_path):
    async def case():
        async with street(tmp_path, ("lamp", LAMP)) as (gateway, _, lamp):
            await lamp.register(links=b"</3303/0>")
            asked = await lamp.asked_for("/3303/0")
            assert asked.observe == 0
            lamp.answer(asked, coap.CONTENT, PACK, 112, [(coap.OBSERVE, b"")])
            lamp.sequence = 1 << 30
            await until(lambda: gateway.counters().get("observations: requested"))
            datagram = lamp.notify(asked, cbor2.dumps([{-2: "/3303/0/", 0: "5700", 2: 22}]))
            acknowledged = await lamp.empties.get()
            assert acknowledged.mid == int.from_bytes(datagram[2:4], "big")
            assert len(await gateway.store.readings("lamp", 9)) == 2
            # The same one under another message id is a replay: the gateway says nothing.
            lamp.send_raw(datagram[:2] + b"\x01\x01" + datagram[4:])
            tampered = bytearray(datagram)
            tampered[-1] ^= 1
            lamp.send_raw(bytes(tampered[:2]) + b"\x01\x02" + bytes(tampered[4:]))
            await until(lambda: counted(gateway, "responses replayed or unusable") == 1)
            await until(lambda: counted(gateway, "responses not authentic") == 1)
            assert await lamp.is_quiet()
            assert len(await gateway.store.readings("lamp", 9)) == 2
            # After an address change notifications still arrive.
            await lamp.move()
            lamp.notify(asked, cbor2.dumps([{-2: "/3303/0/", 0: "5700", 2: 23}]))
            await lamp.empties.get()
            assert len(await gateway.store.readings("lamp", 9)) == 3

    run(case())


def test_bodies_go_in_blocks_inside_the_protection_both_ways(tmp_path):
    links = b",".join(b"</3303/%d>" % number for number in range(120))
    values = cbor2.dumps([{-2: "/3303/0/", 0: "5750", 3: "x" * 900}])

    async def case():
        async with street(tmp_path, ("lamp", LAMP)) as (gateway, _, lamp):
            size = 1024
            for number in range(0, len(links), size):
                block = Block(number // size, number + size < len(links), 6)
                lamp.request(coap.POST, "/rd", links[number : number + size],
                             queries=("lt=60", "lwm2m=1.1"), content_format=40,
                             options=[(coap.BLOCK1, block.encode())])
                inner, outer = await lamp.response()
                assert coap.option(outer.options, coap.BLOCK1) is None
                assert coap.option(inner.options, coap.BLOCK1) == block.encode()
            assert code_text(inner) == "2.01"
            assert len(gateway.nodes()[0].objects) == 120
            asking = asyncio.ensure_future(
                gateway.operate("lamp", Operation("read", (3303, 0, 5750), timeout_s=60)))
            for number in range(2):
                asked = await lamp.asked_for("/3303/0/5750")
                block = Block(number, number == 0, 5)
                lamp.answer(asked, coap.CONTENT, values[number * 512 : number * 512 + 512], 112,
                            [(coap.BLOCK2, block.encode())])
            assert (await asking).values[0].value == "x" * 900

    run(case())


def test_node_may_challenge_the_gateway_too(tmp_path):
    async def case():
        async with street(tmp_path, ("lamp", LAMP)) as (gateway, _, lamp):
            await lamp.register()
            asking = asyncio.ensure_future(
                gateway.operate("lamp", Operation("read", (3303, 0, 5700), timeout_s=60)))
            asked = await lamp.asked_for("/3303/0/5700")
            lamp.answer(asked, coap.UNAUTHORIZED, options=[(coap.ECHO, b"fresh?")], sequence=50)
            again = await lamp.asked_for("/3303/0/5700")
            assert again.echo == b"fresh?" and again.inner.token == asked.inner.token
            assert again.request_id.piv != asked.request_id.piv
            lamp.answer(again, coap.CONTENT, PACK, 112)
            assert (await asking).values[0].value == 21
            assert counted(gateway, "challenges answered") == 1

    run(case())


def test_answer_that_is_not_protected_is_no_answer(tmp_path):
    async def case():
        async with street(tmp_path, ("lamp", LAMP)) as (gateway, _, lamp):
            await lamp.register()
            asking = asyncio.ensure_future(
                gateway.operate("lamp", Operation("read", (3303, 0, 5700), timeout_s=1)))
            asked = await lamp.asked_for("/3303/0/5700")
            forged = coap.Message(
                coap.ACK, coap.CONTENT, asked.outer.mid, asked.outer.token,
                [(coap.CONTENT_FORMAT, b"\x70")], PACK)
            lamp.send_raw(coap.encode(forged))
            with pytest.raises(OperationFailed):
                await asking
            assert counted(gateway, "responses unprotected") == 1

    run(case())
