"""Our endpoint over OSCORE as client of libcoap's coap-server, over UDP on the loopback."""

import asyncio
import os

import pytest

from protocol import coap_message as coap
from protocol.coap_exchange import MessageLayer
from protocol.coap_security import SecurityLayer
from protocol.coap_values import NotificationReceived, Request
from protocol.credentials import Credentials
from tests.firmware.secure_street import ServerKeys
from tests.protocol.host_test_coap_libcoap import BODY, asking
from tests.street.libcoap import configuration

THEIRS = Credentials(b"sixteen bytes!!!", b"the salt", b"\0\0\0\x02", b"\0\0\0\x03")


@pytest.fixture
def asking_protected(tmp_path):
    """`asking(scenario)` with the keys on both sides; gives how many numbers we have used."""

    def ask(scenario, theirs=THEIRS):
        context = tmp_path / "oscore.conf"
        context.touch(0o600)
        context.write_text(configuration(theirs))
        keys = ServerKeys(THEIRS)
        layer = SecurityLayer(MessageLayer(os.urandom), keys, os.urandom)
        asking(scenario, ("-E", f"{context},{tmp_path / 'sequence'}"), layer)
        return keys.take_sequence(keys.sending())

    return ask


def test_coap_server_answers_and_its_challenge_is_answered(asking_protected):
    async def scenario(client, address):
        for _ in range(2):
            event = await client.ask(Request(coap.GET, (".well-known", "core")), address)
            assert b"</time>" in event.response.payload
            assert event.response.content_format == 40

    # Its window knows nothing of us at first (RFC 8613 B.1.2): the first one is asked twice.
    assert asking_protected(scenario) == 3


def test_coap_server_takes_and_gives_long_bodies(asking_protected):
    async def scenario(client, address):
        event = await client.ask(Request(coap.PUT, ("shelf",), (), BODY, 42), address)
        assert event.response.code in (coap.CREATED, coap.CHANGED)
        event = await client.ask(Request(coap.GET, ("shelf",)), address)
        assert event.response.payload == BODY

    asking_protected(scenario)


def test_clock_of_coap_server_is_observed(asking_protected):
    async def scenario(client, address):
        event = await client.ask(Request(coap.GET, ("time",), observe=0), address)
        first = event.response
        assert first.observe is not None
        event = await client.next_event()
        assert isinstance(event, NotificationReceived)
        assert event.response.payload != first.payload

    asking_protected(scenario)


def test_coap_server_with_another_secret_refuses_and_is_not_believed(asking_protected):
    other = Credentials(b"another secret!!", b"the salt", THEIRS.sender_id, THEIRS.recipient_id)

    async def scenario(client, address):
        client.endpoint.send_request(Request(coap.GET, ("time",)), address, client.now_ms())
        client.pump()
        while not client.endpoint.counters.get("security: unprotected response"):
            await asyncio.sleep(0.01)
        assert client.events.empty()

    asking_protected(scenario, other)
