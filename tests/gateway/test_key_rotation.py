"""New keys for a node without a visit: rotation, renewal, and what becomes of the old ones."""

import asyncio

import cbor2
import pytest

from gateway.contexts import DONE, FAILED, WRITTEN, ContextError
from gateway.key_rotation import TRIAL_MS_MAX
from gateway.rows import ContextState
from protocol import coap_message as coap
from protocol import credentials
from tests.gateway.oscore_keys import credentials_of_node
from tests.gateway.protected_node import ProtectedNode
from tests.gateway.service_street import until
from tests.gateway.test_coap_security import LAMP, PACK, code_text, counted, run, street

FACTS = cbor2.dumps([{-2: "/3/0/", 0: "0", 3: "us"}])


def states(gateway):
    return [row.state.value for row in gateway.contexts.rows()]


async def stored(gateway, count):
    """The contexts in the store once there are so many."""
    while len(rows := await gateway.store.contexts()) != count:
        pass
    return rows


async def expire(gateway):
    """Let a trial's time be over."""
    serial = gateway.contexts.node("lamp").trial.serial
    gateway._rotations._trials_ms["lamp"] = serial, -TRIAL_MS_MAX
    await gateway._rotations.expire()


async def registered(node):
    """Register a node, and answer what the gateway wants to know of it."""
    await node.register(links=b"</3/0>,</42802/0>")
    node.answer(await node.asked_for("/3/0"), coap.CONTENT, FACTS, 112)


async def written(node):
    """Take what the gateway writes to object 42802; the node does not use it yet."""
    asked = await node.asked_for("/42802/0/0")
    assert asked.inner.code == coap.PUT
    [record] = cbor2.loads(asked.inner.payload)
    node.answer(asked, coap.CHANGED)
    return credentials.decode(record[8])


async def rotated(gateway, node):
    await gateway.contexts.rotate("lamp")
    return await written(node)


def test_node_gets_a_new_secret_and_the_old_one_is_deleted_once_it_has_answered(tmp_path):
    async def case():
        async with street(tmp_path, ("lamp", LAMP)) as (gateway, _, lamp):
            await registered(lamp)
            new = await rotated(gateway, lamp)
            assert (new.sender_id, new.recipient_id) == (LAMP.sender_id, LAMP.recipient_id)
            assert new.master_secret != LAMP.master_secret
            assert states(gateway) == ["current", "trial"]
            with pytest.raises(ContextError, match="already"):
                await gateway.contexts.rotate("lamp")
            lamp.use(new)
            assert code_text(await lamp.register(links=b"</3/0>")) == "2.01"
            # Until the node has answered under it, it may go back.
            asked = await lamp.asked.get()
            assert states(gateway) == ["current", "trial"] and asked.context is lamp.context
            lamp.answer(asked, coap.CONTENT, FACTS, 112)
            await until(lambda: states(gateway) == ["current"])
            assert gateway.contexts.rotations["lamp"] == DONE
            assert [row.state for row in await stored(gateway, 1)] == [ContextState.CURRENT]
            old = await ProtectedNode.connect(lamp.gateway[1], LAMP, 100)
            old.request(coap.POST, "/dp", PACK, content_format=112)
            inner, outer = await old.response()
            assert inner is None and code_text(outer) in ("4.00", "4.01")
            assert code_text(await lamp.send(PACK)) == "4.04"  # no /3303 is registered
            old.close()

    run(case())


def test_node_that_goes_back_to_its_old_keys_is_spoken_to_under_those(tmp_path):
    async def case():
        async with street(tmp_path, ("lamp", LAMP)) as (gateway, _, lamp):
            await registered(lamp)
            new, sequence = await rotated(gateway, lamp), lamp.sequence
            lamp.use(new)
            await lamp.register(links=b"</3/0>")
            first = await lamp.asked.get()
            lamp.send_raw(coap.encode(coap.Message(coap.RST, coap.EMPTY, first.outer.mid)))
            lamp.use(LAMP, sequence)
            await lamp.register(links=b"</3/0>")
            while (asked := await lamp.asked.get()).outer.mid == first.outer.mid:
                pass
            assert asked.context is lamp.context
            lamp.answer(asked, coap.CONTENT, FACTS, 112)
            await asyncio.sleep(0)
            assert states(gateway) == ["current", "trial"]
            await expire(gateway)
            assert states(gateway) == ["current"]
            assert gateway.contexts.rotations["lamp"] == FAILED

    run(case())


def test_trial_that_the_node_has_used_last_never_ends_by_time(tmp_path):
    async def case():
        async with street(tmp_path, ("lamp", LAMP)) as (gateway, _, lamp):
            await registered(lamp)
            lamp.use(await rotated(gateway, lamp))
            await lamp.register(links=b"</3/0>")
            await expire(gateway)
            assert states(gateway) == ["current", "trial"]
            assert gateway.contexts.rotations["lamp"] == WRITTEN

    run(case())


def test_client_without_the_object_keeps_its_keys(tmp_path):
    async def case():
        async with street(tmp_path, ("lamp", LAMP)) as (gateway, _, lamp):
            await registered(lamp)
            await gateway.contexts.rotate("lamp")
            lamp.answer(await lamp.asked_for("/42802/0/0"), coap.NOT_FOUND)
            await until(lambda: gateway.contexts.rotations["lamp"] == FAILED)
            assert states(gateway) == ["current"]

    run(case())


def test_killed_gateway_finds_the_keys_that_the_node_has_gone_over_to(tmp_path):
    async def case():
        async with street(tmp_path, ("lamp", LAMP)) as (gateway, _, lamp):
            await registered(lamp)
            lamp.use(new := await rotated(gateway, lamp))
            await lamp.register(links=b"</3/0>")
            sequence = lamp.sequence

            async def nothing():
                pass

            gateway.contexts.close = nothing
        async with street(tmp_path, ("lamp", LAMP)) as (gateway, _, lamp):
            lamp.use(new, sequence)
            assert gateway.contexts.node("lamp").active is gateway.contexts.node("lamp").trial
            assert code_text(await lamp.register(links=b"</3/0>")) == "2.01"
            lamp.answer(await lamp.asked_for("/3/0"), coap.CONTENT, FACTS, 112)
            await until(lambda: states(gateway) == ["current"])

    run(case())


async def restored(gateway):
    """Have a gateway know its contexts from somewhere else only."""
    await gateway.contexts.add("lamp", LAMP, "restored")


async def renewed(node):
    """Send a request under the restored context; return the ID Context of the answer."""
    node.request(coap.POST, "/rd", b"</3/0>", queries=("lt=60",), content_format=40)
    inner, outer = await node.response()
    assert code_text(inner) == "4.01" and coap.option(inner.options, coap.ECHO) is None
    option = coap.option(outer.options, coap.OSCORE)
    assert option[:2] == b"\x11\x00"  # a number of its own, and a kid context
    return option[3:]


def test_restored_context_sends_nothing_and_is_replaced_at_the_nodes_first_message(tmp_path):
    async def case():
        async with street(tmp_path) as (gateway, port):
            await restored(gateway)
            lamp = await ProtectedNode.connect(port, LAMP, 500)
            with pytest.raises(ContextError, match="heard next"):
                await gateway.contexts.rotate("lamp")
            id_context = await renewed(lamp)
            assert states(gateway) == ["restored", "trial"] and not gateway.nodes()
            lamp.use(LAMP.renewed(id_context))
            await lamp.register(links=b"</3/0>,</42802/0>")
            # Then comes a secret that the other gateway does not know.
            new = await written(lamp)
            assert states(gateway) == ["current", "trial"]
            lamp.use(new)
            await registered(lamp)
            await until(lambda: states(gateway) == ["current"])
            [row] = await stored(gateway, 1)
            assert row.id_context is None and row.state is ContextState.CURRENT
            lamp.close()

    run(case())


def test_recorded_request_renews_nothing_twice_and_floods_renew_seldom(tmp_path):
    async def case():
        async with street(tmp_path) as (gateway, port):
            await restored(gateway)
            lamp = await ProtectedNode.connect(port, LAMP, 500)
            await renewed(lamp)
            recorded = lamp.sent[-1]
            lamp.send_raw(recorded[:2] + b"\x01\x01" + recorded[4:])
            inner, outer = await lamp.response()
            assert inner is None and outer.payload == b"Replay detected"
            for _ in range(5):
                lamp.request(coap.GET, "/dp")
            await until(lambda: counted(gateway, "renewals withheld") == 5)
            assert await lamp.is_quiet() and counted(gateway, "renewals") == 1
            lamp.close()

    run(case())


def test_new_secret_is_in_no_log(tmp_path, caplog):
    caplog.set_level(0)

    async def case():
        async with street(tmp_path, ("lamp", LAMP)) as (gateway, _, lamp):
            await registered(lamp)
            return await rotated(gateway, lamp)

    new = asyncio.run(case())
    for secret in (new.master_secret, LAMP.master_secret, credentials_of_node(1).master_salt):
        assert secret.hex() not in caplog.text and repr(secret)[2:-1] not in caplog.text
