"""The gateway under OSCORE: what it lets in, what it answers, and whom it takes for whom."""

import asyncio
import contextlib

import cbor2
import pytest

from gateway.coap_security import AMPLIFICATION_MAX
from gateway.operations import Operation, OperationFailed
from protocol import coap_message as coap
from simulator.disk import Disk, Trouble
from tests.gateway import coap_street
from tests.gateway.oscore_keys import credentials_of_node
from tests.gateway.protected_node import ProtectedNode
from tests.gateway.service_street import running, until

LAMP, BIN = credentials_of_node(1), credentials_of_node(2)
PACK = cbor2.dumps([{-2: "/3303/0/", 0: "5700", 2: 21}])


def run(coroutine):
    return coap_street.run(coroutine)


@contextlib.asynccontextmanager
async def street(folder, *nodes, **seams):
    """A gateway, and a node for each of (endpoint, credentials); keys are added once."""
    seams.setdefault("text", "")
    async with running(folder, security="oscore", **seams) as (gateway, port):
        known = {row.endpoint for row in gateway.contexts.rows()}
        found = []
        for endpoint, credentials in nodes:
            if endpoint not in known:
                await gateway.contexts.add(endpoint, credentials)
            found.append(await ProtectedNode.connect(port, credentials))
        try:
            yield gateway, port, *found
        finally:
            for node in found:
                node.close()


def counted(gateway, name):
    return gateway.counters().get("security: " + name, 0)


def code_text(message):
    return f"{message.code >> 5}.{message.code & 31:02}"


def test_node_registers_reports_and_is_read_all_protected(tmp_path):
    async def case():
        async with street(tmp_path, ("lamp", LAMP)) as (gateway, _, lamp):
            assert code_text(await lamp.register()) == "2.01"
            asked = await lamp.asked_for("/3/0")
            lamp.answer(asked, coap.CONTENT, cbor2.dumps([{-2: "/3/0/", 0: "0", 3: "us"}]), 112)
            assert code_text(await lamp.send(PACK)) == "2.04"
            reading = asyncio.ensure_future(
                gateway.operate("lamp", Operation("read", (3303, 0, 5700))))
            asked = await lamp.asked_for("/3303/0/5700")
            lamp.answer(asked, coap.CONTENT, PACK, 112)
            assert (await reading).values[0].value == 21
            assert [row.row.endpoint for row in await gateway.store.readings("lamp", 9)] == [
                "lamp"]
            assert all(b"3303" not in each for each in lamp.sent + lamp.received)

    run(case())


@pytest.mark.parametrize(("datagram", "answer", "counter"), [
    ("40010001b27264", "60810001", "unprotected request"),  # GET /rd
    ("40010001bb2e77656c6c2d6b6e6f776e04636f7265", "60810001", "unprotected request"),
    ("400200019110ff00", "60820001", "malformed protection"),  # a kid context without length
    ("40020001921905ff00", "60820001", "malformed protection"),  # no room for its kid context
    ("400200019109ff00", "60820001", "malformed protection"),  # a number is announced
    ("4002000190ff00", "60820001", "malformed protection"),  # nothing announced
    ("4002000192e900ff00", "60820001", "malformed protection"),  # reserved bits
    ("40020001920900ff00", "60810001", "unknown kid"),  # an empty kid
    ("4002000196090000000063ff00", "60810001", "unknown kid"),
    ("4002000196090000000002ff00112233445566", "60800001", "not authentic"),
    ("4001000196090000000002ff00112233445566", "60820001", "malformed protection"),  # outer GET
])  # fmt: skip
def test_what_is_not_authentic_is_refused_briefly_and_without_protection(
    tmp_path, datagram, answer, counter
):
    async def case():
        async with street(tmp_path, ("lamp", LAMP)) as (gateway, port, _):
            peer = await coap_street.RawPeer.connect(port)
            asked = bytes.fromhex(datagram)
            answered = await peer.ask(asked)
            assert answered[:4].hex() == answer
            assert len(answered) <= AMPLIFICATION_MAX * len(asked)
            assert counted(gateway, counter) == 1
            # Non-confirmable it is not answered at all.
            peer.send(b"\x50" + asked[1:])
            assert await peer.is_quiet()
            assert counted(gateway, counter) == 2
            assert not gateway.counters().get("requests: errors")
            peer.close()

    run(case())


def test_changed_message_is_refused_and_its_number_is_still_good(tmp_path):
    async def case():
        async with street(tmp_path, ("lamp", LAMP)) as (gateway, port, lamp):
            await lamp.register()
            lamp.gateway = ("127.0.0.1", 9)  # so far nobody gets it
            good, _ = lamp.request(coap.POST, "/dp", PACK, content_format=112)
            lamp.gateway = ("127.0.0.1", port)
            for place in range(len(good) - len(PACK) - 8, len(good), 5):
                changed = bytearray(good)
                changed[2:4] = place.to_bytes(2, "big")
                changed[place] ^= 1
                lamp.send_raw(bytes(changed))
                inner, outer = await lamp.response()
                assert inner is None and code_text(outer) == "4.00"
                assert outer.payload == b"Decryption failed"
            lamp.send_raw(good)
            inner, _ = await lamp.response()
            assert code_text(inner) == "2.04"
            assert len(await gateway.store.readings("lamp", 9)) == 1

    run(case())


def test_duplicate_is_answered_with_the_same_ciphertext_and_a_replay_is_challenged(tmp_path):
    async def case():
        async with street(tmp_path, ("lamp", LAMP)) as (gateway, _, lamp):
            await lamp.register()
            datagram, _ = lamp.request(coap.GET, "/.well-known/core")
            await lamp.response()
            answer = lamp.received[-1]
            lamp.send_raw(datagram)
            await lamp.response()
            assert lamp.received[-1] == answer
            lamp.send_raw(datagram[:2] + b"\x01\x02" + datagram[4:])
            assert is_challenge((await lamp.response())[0])
            lamp.send_raw(datagram[:2] + b"\x01\x03" + datagram[4:-1] + b"?")
            inner, outer = await lamp.response()
            assert inner is None and outer.payload == b"Decryption failed"
            await lamp.move()
            lamp.send_raw(datagram)
            assert is_challenge((await lamp.response())[0])
            assert counted(gateway, "replay") == 2
            # Nor does it draw what is meant for the node to where it came from.
            new_port = lamp.transport.get_extra_info("sockname")[1]
            assert f":{new_port}" not in repr(gateway._sessions.get("lamp").peer)

    run(case())


def test_node_speaks_for_itself_alone(tmp_path):
    async def case():
        async with street(tmp_path, ("lamp", LAMP), ("bin", BIN)) as (gateway, _, lamp, bin):
            assert code_text(await bin.register(endpoint="bin")) == "2.01"
            refused = await lamp.register(endpoint="bin")
            assert code_text(refused) == "4.00" and b"owner" in refused.payload
            assert code_text(await lamp.send(PACK)) == "4.04"
            await lamp.register(endpoint="lamp")
            own, lamp.location = lamp.location, bin.location
            assert code_text(await lamp.update()) == "4.04"
            answer = await lamp.ask(coap.DELETE, "/".join(bin.location))
            assert code_text(answer) == "4.04"
            lamp.location = own
            assert code_text(await lamp.update()) == "2.04"
            assert code_text(await lamp.send(PACK)) == "2.04"
            assert len(await gateway.store.readings("lamp", 9)) == 1
            assert not await gateway.store.readings("bin", 9)
            states = {view.row.endpoint: view.state for view in gateway.nodes()}
            assert states == {"lamp": "registered", "bin": "registered"}

    run(case())


def test_node_that_has_moved_keeps_its_registration_and_is_asked_at_its_new_address(tmp_path):
    async def case():
        async with street(tmp_path, ("lamp", LAMP)) as (gateway, _, lamp):
            await lamp.register()
            lamp.answer(await lamp.asked_for("/3/0"), coap.NOT_FOUND)
            await lamp.move()
            assert code_text(await lamp.send(PACK)) == "2.04"
            asking = asyncio.ensure_future(
                gateway.operate("lamp", Operation("read", (3303, 0, 5700), timeout_s=60)))
            asked = await lamp.asked_for("/3303/0/5700")
            lamp.answer(asked, coap.CONTENT, PACK, 112)
            assert (await asking).is_success

    run(case())


def test_recorded_request_is_not_acted_on_after_a_kill_and_after_a_stop_in_order(tmp_path):
    async def case():
        async with street(tmp_path, ("lamp", LAMP)) as (gateway, _, lamp):
            await lamp.register()
            recorded, _ = lamp.request(coap.POST, "/dp", PACK, content_format=112)
            await lamp.response()
            sequence = lamp.sequence
            kill(gateway)
        for is_killed in (True, False):
            async with street(tmp_path, ("lamp", LAMP)) as (gateway, _, lamp):
                lamp.use(LAMP, sequence)
                lamp.send_raw(recorded[:2] + b"\x01\x02" + recorded[4:])
                _, outer = await lamp.response()
                assert coap.option(outer.options, coap.OSCORE) is not None
                assert len(await gateway.store.readings("lamp", 9)) == 1
                assert (gateway.contexts.find(LAMP.sender_id, None)[0].echo_recovery
                        is None) is not is_killed
                assert code_text(await lamp.send(PACK)) == "2.04"
                assert counted(gateway, "challenges") == 1 + is_killed
                sequence = lamp.sequence

    run(case())


def test_request_whose_answer_was_lost_with_the_gateway_is_asked_for_anew_at_once(tmp_path):
    async def case():
        async with street(tmp_path, ("lamp", LAMP)) as (_, _, before):
            await before.register()
            unanswered, _ = before.request(coap.POST, "/dp", PACK, content_format=112)
            await before.response()  # which the node, let us say, never got
        async with street(tmp_path, ("lamp", LAMP)) as (gateway, _, lamp):
            lamp.use(LAMP, before.sequence)
            lamp.await_what(before)
            lamp.send_raw(unanswered)
            inner, _ = await lamp.response()
            assert is_challenge(inner)
            echo = coap.option(inner.options, coap.ECHO)
            answer = await lamp.ask(coap.POST, "/dp", PACK, content_format=112,
                                    options=[(coap.ECHO, echo)])
            assert code_text(answer) == "2.04"
            assert counted(gateway, "replay") == counted(gateway, "challenges") == 1

    run(case())


def is_challenge(inner):
    return code_text(inner) == "4.01" and coap.option(inner.options, coap.ECHO) is not None


def kill(gateway):
    """Have a gateway's end leave no trace in the store, as that of a killed process."""
    async def nothing(*_):
        pass

    gateway.contexts.close = nothing


def test_request_after_a_kill_is_challenged_and_its_recording_is_worthless(tmp_path):
    async def case():
        async with street(tmp_path, ("lamp", LAMP)) as (gateway, _, lamp):
            await lamp.register()
            kill(gateway)
        async with street(tmp_path, ("lamp", LAMP)) as (gateway, _, lamp):
            # One that the gateway never got: of that it cannot know.
            lamp.use(LAMP, 40)
            held_back, _ = lamp.request(coap.POST, "/dp", PACK, content_format=112)
            inner, _ = await lamp.response()
            assert is_challenge(inner)
            assert code_text(await lamp.send(PACK)) == "2.04"
            lamp.send_raw(held_back[:2] + b"\x07\x07" + held_back[4:])
            assert is_challenge((await lamp.response())[0])
            assert len(await gateway.store.readings("lamp", 9)) == 1

    run(case())


def test_no_reply_leaves_before_its_strike_is_durable(tmp_path):
    disk = Disk("withheld")

    async def case():
        async with street(tmp_path, ("lamp", LAMP), vfs=disk.name) as (gateway, _, lamp):
            await lamp.register()
            disk.fail("write", Trouble.FULL)
            lamp.request(coap.GET, "/.well-known/core")
            lamp.request(coap.GET, "/nothing")
            await until(lambda: counted(gateway, "replies withheld") == 2)
            assert await lamp.is_quiet()
            disk.heal()
            assert code_text(await lamp.ask(coap.GET, "/nothing")) == "4.04"

    try:
        run(case())
    finally:
        disk.close()


def test_revoked_node_is_gone_at_once(tmp_path):
    async def case():
        async with street(tmp_path, ("lamp", LAMP)) as (gateway, _, lamp):
            await lamp.register()
            await gateway.contexts.revoke("lamp")
            lamp.request(coap.POST, "/dp", PACK, content_format=112)
            inner, outer = await lamp.response()
            assert inner is None and code_text(outer) == "4.01"
            await until(lambda: gateway.nodes()[0].state == "gone")
            with pytest.raises(OperationFailed):
                await gateway.operate("lamp", Operation("read", (3, 0)))

    run(case())


def test_registrations_are_taken_over_after_a_restart(tmp_path):
    async def case():
        async with street(tmp_path, ("lamp", LAMP)) as (_, _, lamp):
            await lamp.register()
            sequence = lamp.sequence
        async with street(tmp_path, ("lamp", LAMP)) as (gateway, _, lamp):
            assert gateway.nodes()[0].state == "registered"
            lamp.use(LAMP, sequence)
            assert code_text(await lamp.send(PACK)) == "2.04"

    run(case())


def test_without_security_a_protected_request_is_one_with_an_unknown_option(tmp_path):
    async def case():
        async with running(tmp_path, security="none") as (_, port):
            lamp = await ProtectedNode.connect(port, LAMP)
            lamp.request(coap.GET, "/.well-known/core")
            inner, outer = await lamp.response()
            assert inner is None and code_text(outer) == "4.02"
            lamp.close()

    run(case())
