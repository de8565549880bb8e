"""What somebody recorded or held back on its way, and sends when it does most harm."""

import contextlib
from dataclasses import replace

from gateway.rows import ContextState, Numbers
from protocol import coap_message as coap
from tests.gateway.oscore_keys import credentials_of_node
from tests.gateway.protected_node import ProtectedNode
from tests.gateway.service_street import until
from tests.gateway.test_coap_security import LAMP, PACK, code_text, counted, run, street
from tests.gateway.test_key_rotation import (
    FACTS,
    expire,
    registered,
    renewed,
    restored,
    rotated,
    states,
)


class Nowhere:
    """A transport that loses everything."""

    def sendto(self, datagram, peer):
        pass


@contextlib.contextmanager
def held_back(node):
    """Keep from the gateway what the node sends; gives a list, which has it afterwards."""
    transport, node.transport = node.transport, Nowhere()
    before, kept = len(node.sent), []
    try:
        yield kept
    finally:
        node.transport = transport
        kept += node.sent[before:]


def test_request_held_back_over_a_rotation_does_not_take_the_new_keys_from_a_node(tmp_path):
    async def case():
        async with street(tmp_path, ("lamp", LAMP)) as (gateway, _, lamp):
            await registered(lamp)
            new = await rotated(gateway, lamp)
            with held_back(lamp) as kept:
                lamp.request(coap.POST, "/dp", PACK, content_format=112)
            # From here on the node has the new keys alone, and the gateway's requests are lost.
            lamp.use(new, lamp.sequence)
            assert code_text(await lamp.register()) == "2.01"
            lamp.send_raw(kept[0])
            while not await gateway.store.readings("lamp", 9):
                pass
            trial = gateway.contexts.node("lamp").trial
            assert trial is not None and gateway.contexts.node("lamp").active is trial
            await expire(gateway)
            assert gateway.contexts.node("lamp").trial is trial
            assert gateway.contexts.find(LAMP.sender_id, None)[0] is trial

    run(case())


def test_request_held_back_and_sent_from_elsewhere_does_not_move_the_node(tmp_path):
    async def case():
        async with street(tmp_path, ("lamp", LAMP)) as (gateway, port, lamp):
            await lamp.register()
            lamp.answer(await lamp.asked_for("/3/0"), coap.NOT_FOUND)
            with held_back(lamp) as kept:
                lamp.request(coap.POST, "/dp", PACK, content_format=112)
            assert code_text(await lamp.ask(coap.GET, "/.well-known/core")) == "2.05"
            stranger = await ProtectedNode.connect(port, LAMP)
            stranger.send_raw(kept[0])
            while not await gateway.store.readings("lamp", 9):
                pass
            own = lamp.transport.get_extra_info("sockname")[1]
            assert f":{own}" in repr(gateway._sessions.get("lamp").peer)
            stranger.close()

    run(case())


def test_node_that_goes_back_to_its_old_keys_is_spoken_to_under_them(tmp_path):
    async def case():
        async with street(tmp_path, ("lamp", LAMP)) as (gateway, _, lamp):
            await registered(lamp)
            new = await rotated(gateway, lamp)
            lamp.use(new, lamp.sequence)
            await lamp.register(links=b"</3/0>")
            lamp.use(LAMP, lamp.sequence)
            await lamp.register(links=b"</3/0>")
            node = gateway.contexts.node("lamp")
            assert node.active is node.current
            await expire(gateway)
            assert states(gateway) == ["current"]

    run(case())


def test_recorded_request_under_restored_keys_does_not_end_the_trial_a_node_is_on(tmp_path):
    async def case():
        async with street(tmp_path) as (gateway, port):
            await restored(gateway)
            lamp = await ProtectedNode.connect(port, LAMP, 500)
            with held_back(lamp) as kept:
                for _ in range(3):
                    lamp.request(coap.POST, "/dp", PACK, content_format=112)
            id_context = await renewed(lamp)
            lamp.use(LAMP.renewed(id_context), lamp.sequence)
            assert code_text(await lamp.register(links=b"</3/0>")) == "2.01"
            trial = gateway.contexts.node("lamp").trial
            gateway._context._security._renewals._answered_s.clear()
            for datagram in kept:
                lamp.send_raw(datagram)
            await until(lambda: counted(gateway, "renewals withheld") == len(kept))
            assert gateway.contexts.node("lamp").active is trial
            assert counted(gateway, "renewals") == 1
            lamp.answer(await lamp.asked_for("/3/0"), coap.CONTENT, FACTS, 112)
            await until(lambda: gateway.contexts.node("lamp").current is trial)
            lamp.close()

    run(case())


def test_none_of_two_restored_contexts_is_given_up_before_the_node_has_proved_which_it_has(
    tmp_path,
):
    async def case():
        async with street(tmp_path) as (gateway, port):
            await restored(gateway)
            # A backup that was made in the middle of a rotation has both.
            new = credentials_of_node(1, secret=9)
            row = replace(
                gateway.contexts._new_row("lamp", new, ContextState.RESTORED), numbers=Numbers())
            await gateway.store.change_contexts(saved=[row])
        async with street(tmp_path) as (gateway, port):
            assert states(gateway) == ["restored", "restored"]
            await gateway._rotations.expire()
            stranger = await ProtectedNode.connect(port, LAMP, 100)
            await renewed(stranger)  # a recording, of before the rotation
            assert states(gateway) == ["restored", "trial", "restored"]
            gateway._context._security._renewals._answered_s.clear()
            lamp = await ProtectedNode.connect(port, new, 500)
            id_context = await renewed(lamp)
            assert states(gateway) == ["restored", "trial", "restored"]
            lamp.use(new.renewed(id_context), lamp.sequence)
            assert code_text(await lamp.register(links=b"</3/0>")) == "2.01"
            lamp.answer(await lamp.asked_for("/3/0"), coap.CONTENT, FACTS, 112)
            await until(lambda: counted_confirmed(gateway) == 1)
            assert states(gateway)[0] == "current" and "restored" not in states(gateway)
            stranger.close()
            lamp.close()

    run(case())


def counted_confirmed(gateway):
    return gateway.contexts.counters["trials confirmed"]
