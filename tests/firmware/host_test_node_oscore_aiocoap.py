"""The node's OSCORE over UDP against aiocoap's own: registered, read, written, observed."""

import asyncio
import secrets

import aiocoap
import cbor2
from aiocoap.credentials import CredentialsMap
from aiocoap.numbers import codes

from tests.aiocoap_oscore import TRANSPORTS, OscoreSiteWrapper, PeerContext
from tests.firmware.host_test_node_aiocoap import LIMIT_S, Peer, Site, Wire
from tests.firmware.secure_street import FIRST, RENEWED, provisioned
from tests.ports import free_port


def context_of(given=FIRST, is_fresh=True):
    """aiocoap's side of a node's context; `is_fresh`: its window knows that it missed nothing."""
    return PeerContext(given.mirrored(), None if is_fresh else secrets.token_bytes(8))


class SecurePeer(Peer):
    """An aiocoap server that knows `contexts`, and a node with their keys."""

    def __init__(self, *contexts, board=None, settings=None):
        self.contexts = contexts or (context_of(),)
        self.board = board or provisioned()
        self._settings = settings or {}

    async def __aenter__(self):
        port = free_port()
        self.site = Site()
        known = CredentialsMap({f":{index}": each for index, each in enumerate(self.contexts)})
        self.context = await aiocoap.Context.create_server_context(
            OscoreSiteWrapper(self.site, known), bind=("127.0.0.1", port),
            transports=TRANSPORTS)
        _, self.wire = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Wire(self.board, port, security="oscore", **self._settings),
            local_addr=("127.0.0.1", 0))
        self.registration = await self.heard()
        return self


def run(scenario, *contexts, **options):
    async def main():
        async with SecurePeer(*contexts, **options) as peer:
            await scenario(peer)

    asyncio.run(main())


def test_int_405_registration_comes_under_the_nodes_own_context():
    async def scenario(peer):
        assert isinstance(peer.registration.remote.security_context, PeerContext)
        assert "ep=urn:dev:mac:246f28fffe010203" in peer.registration.opt.uri_query

    run(scenario)


def test_a_node_is_read_and_written_after_it_has_challenged_its_server():
    async def scenario(peer):
        assert b"Faubourg" in (await peer.ask(codes.GET, "3/0")).payload
        assert peer.wire.node.counters["security: challenges"] == 1
        written = await peer.ask(codes.PUT, "3416/0/4", b"40", content_format=0)
        assert written.code == codes.CHANGED
        assert (await peer.ask(codes.GET, "3416/0/4")).payload == b"40"

    run(scenario)


def test_a_server_that_doubts_the_node_is_shown_its_echo():
    async def scenario(peer):
        assert peer.registration.opt.echo == peer.contexts[0].echo_recovery
        assert (await peer.ask(codes.GET, "3/0/0")).payload == b"Faubourg"

    run(scenario, context_of(is_fresh=False))


def test_blocks_are_put_together_inside_both_ways():
    async def scenario(peer):
        names = cbor2.dumps([{0: "/"}])
        response = await peer.ask(codes.FETCH, "", names, content_format=112, accept=110)
        assert len(response.payload) > 1024
        leaves = [{-2: "/3416/0/", 0: "4", 2: 70}] + [
            {-2: "/1/0/", 0: "2", 2: index} for index in range(90)]
        assert len(cbor2.dumps(leaves)) > 1024
        answer = await peer.ask(codes.iPATCH, "", cbor2.dumps(leaves), content_format=112)
        assert answer.code == codes.CHANGED
        assert (await peer.ask(codes.GET, "3416/0/4")).payload == b"70"

    run(scenario)


def test_observation_begins_notifies_in_order_and_ends():
    async def scenario(peer):
        request = peer.context.request(peer.message(codes.GET, "3416/0/4", observe=0))
        first = await asyncio.wait_for(request.response, LIMIT_S)
        assert first.payload == b"100"
        notifications = request.observation.__aiter__()
        for level in (b"40", b"60", b"80"):
            await peer.ask(codes.PUT, "3416/0/4", level, content_format=0)
            told = await asyncio.wait_for(notifications.__anext__(), LIMIT_S)
            assert told.payload == level
        request.observation.cancel()
        response = await peer.ask(codes.GET, "3416/0/4", observe=1)
        assert response.opt.observe is None

    run(scenario)


def test_a_send_is_understood():
    async def scenario(peer):
        peer.wire.node.reporting.report((3416, 0, 5), True)
        peer.wire.tick()
        pack = await asyncio.wait_for(peer.site.packs.get(), LIMIT_S)
        assert any(record.get(4) is True for record in pack)

    run(scenario)


def test_a_node_with_an_id_context_names_it_in_what_it_asks():
    given = FIRST.renewed(RENEWED)

    async def scenario(peer):
        assert peer.registration.remote.security_context.id_context == RENEWED
        assert (await peer.ask(codes.GET, "3/0/0")).payload == b"Faubourg"

    run(scenario, context_of(given), board=provisioned(given=given))


def test_hidden_objects_are_unauthorized_with_keys_too():
    async def scenario(peer):
        for path in ("0/0", "21", "21/0/0"):
            assert (await peer.ask(codes.GET, path)).code == codes.UNAUTHORIZED

    run(scenario)
