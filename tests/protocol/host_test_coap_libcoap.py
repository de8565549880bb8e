"""Our endpoint and libcoap's programs, each as client and as server, over UDP on the loopback."""

import asyncio
import contextlib
import os
import signal
import socket

from protocol import coap_message as coap
from protocol.coap_endpoint import Endpoint
from protocol.coap_observing import ObservingEndpoint
from protocol.coap_values import NotificationReceived, Request, Response
from tests.debian import program
from tests.ports import free_port
from tests.protocol.coap_udp import LIMIT_S, Shelf, UdpPeer

BODY = b"".join(b"%05d " % number for number in range(500))
LINKS = b'</3/0>;ver="1.2",</3416/0>'


def served(scenario, bodies, block_size=1024):
    """Run `scenario(server, shelf, client)`; `client` runs coap-client and returns its output."""
    async def run():
        shelf = Shelf(bodies)
        server = await UdpPeer.open(Endpoint(os.urandom, None, block_size), shelf)

        async def client(path, *arguments):
            async with running_client(server, path, *arguments) as process:
                output, _ = await process.communicate()
            return output

        try:
            await asyncio.wait_for(scenario(server, shelf, client), LIMIT_S)
        finally:
            server.close()

    asyncio.run(run())


@contextlib.asynccontextmanager
async def running_client(server, path, *arguments):
    """Give the process of a coap-client that says all on its standard output."""
    process = await asyncio.create_subprocess_exec(
        program("coap-client"), "-B", "50", *arguments, f"coap://127.0.0.1:{server.port}/{path}",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def asking(scenario, options=(), message_layer=None):
    """Run `scenario(client, address)` with our endpoint as client of coap-server."""
    coap_server = program("coap-server")

    async def run():
        port = free_port()
        process = await asyncio.create_subprocess_exec(
            coap_server, "-A", "127.0.0.1", "-p", str(port), "-d", "10", *options,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL)
        endpoint = ObservingEndpoint(os.urandom, message_layer=message_layer)
        client = await UdpPeer.open(endpoint)
        try:
            await asyncio.wait_for(answers_ping(port), LIMIT_S)
            await asyncio.wait_for(scenario(client, ("127.0.0.1", port)), LIMIT_S)
        finally:
            client.close()
            process.terminate()
            await process.wait()

    asyncio.run(run())


async def answers_ping(port):
    """Return when the server at `port` has come up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.setblocking(False)
        probe.connect(("127.0.0.1", port))
        while True:
            try:
                probe.send(b"\x40\x00\x00\x01")
                await asyncio.sleep(0.05)
                probe.recv(16)
                return
            except OSError:
                pass


def test_libcoap_discovers():
    async def scenario(server, shelf, client):
        assert (await client(".well-known/core")).strip() == LINKS

    served(scenario, {(".well-known", "core"): LINKS})


def test_libcoap_gets_and_puts():
    async def scenario(server, shelf, client):
        await client("x", "-m", "put", "-e", "22.3 C")
        assert shelf.bodies["x",] == b"22.3 C"
        assert (await client("x")).strip() == b"22.3 C"
        assert b"4.04" in await client("y")

    served(scenario, {})


def test_libcoap_gets_a_long_body_in_blocks():
    async def scenario(server, shelf, client):
        assert (await client("x")).strip() == BODY.strip()
        assert len(shelf.requests) == 1

    served(scenario, {("x",): BODY})


def test_libcoap_gets_smaller_blocks_if_it_asks_for_them():
    async def scenario(server, shelf, client):
        assert (await client("x", "-b", "64")).strip() == BODY.strip()
        assert len(shelf.requests) == 1

    served(scenario, {("x",): BODY})


def test_libcoap_heeds_our_smaller_blocks():
    async def scenario(server, shelf, client):
        await client("x", "-m", "put", "-e", BODY.decode())
        assert shelf.bodies["x",] == BODY
        assert (await client("x")).strip() == BODY.strip()

    served(scenario, {}, 128)


def test_libcoap_puts_a_long_body_in_blocks():
    async def scenario(server, shelf, client):
        await client("x", "-m", "put", "-b", "256", "-e", BODY.decode())
        assert shelf.bodies["x",] == BODY

    served(scenario, {})


def test_libcoap_fetches_with_long_bodies_both_ways():
    async def scenario(server, shelf, client):
        text = BODY[:1800].decode()
        output = await client("x", "-m", "fetch", "-t", "42", "-e", text)
        assert output.strip() == (text * 2).strip().encode()
        assert len(shelf.requests) == 1

    served(scenario, {})


def test_libcoap_posts_and_patches():
    async def scenario(server, shelf, client):
        for method in ("post", "ipatch"):
            assert (await client("x", "-m", method, "-e", "abc")).strip() == b"cba"

    served(scenario, {})


def test_libcoap_is_refused_a_body_over_the_limit():
    async def scenario(server, shelf, client):
        assert b"4.13" in await client("x", "-m", "put", "-e", "x" * 5000)
        assert shelf.requests == []

    served(scenario, {})


def test_libcoap_waits_for_a_separate_response():
    async def scenario(server, shelf, client):
        assert (await client("slow")).strip() == b"at last"

    served(scenario, {})


def test_libcoap_gets_through_the_loss_of_its_datagrams():
    async def scenario(server, shelf, client):
        await client("x", "-l", "1,3", "-m", "put", "-b", "1024", "-e", BODY[:1500].decode())
        assert shelf.bodies["x",] == BODY[:1500]
        assert len(shelf.requests) == 1

    served(scenario, {})


def test_libcoap_observes_short_and_long_states_and_cancels():
    async def scenario(server, shelf, client):
        async with running_client(server, "x", "-s", str(LIMIT_S)) as process:
            await process.stdout.readuntil(b"start")
            for state in (b"on", BODY, b"off"):
                shelf.bodies["x",] = state
                server.notify(Response(coap.CONTENT, state, 42), state != b"on")
                await process.stdout.readuntil(state.strip())
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 0
        assert (await server.next_event()).reason in ("cancelled", "reset")

    served(scenario, {("x",): b"start"})


def test_libcoap_answers_us():
    async def scenario(client, address):
        event = await client.ask(Request(coap.GET, (".well-known", "core")), address)
        assert b"</time>" in event.response.payload
        assert event.response.content_format == 40

    asking(scenario)


def test_libcoap_takes_and_gives_long_bodies():
    async def scenario(client, address):
        event = await client.ask(Request(coap.PUT, ("shelf",), (), BODY, 42), address)
        assert event.response.code in (coap.CREATED, coap.CHANGED)
        event = await client.ask(Request(coap.GET, ("shelf",)), address)
        assert event.response.payload == BODY

    asking(scenario)


def test_libcoap_answers_late():
    async def scenario(client, address):
        event = await client.ask(Request(coap.GET, ("async",), ("1",)), address)
        assert event.response.code == coap.CONTENT
        assert event.retransmissions == 0

    asking(scenario)


def test_we_observe_the_clock_of_libcoap():
    async def scenario(client, address):
        event = await client.ask(Request(coap.GET, ("time",), observe=0), address)
        first = event.response
        assert first.observe is not None
        event = await client.next_event()
        assert isinstance(event, NotificationReceived)
        assert event.response.payload != first.payload
        client.endpoint.cancel_observation(event.handle, client.now_ms())
        client.pump()
        await asyncio.sleep(2.5)
        assert client.events.empty()

    asking(scenario)
