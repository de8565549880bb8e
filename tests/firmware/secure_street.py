"""A node and a server that protect what they say, each with the other's keys."""

from firmware import keys as node_keys
from firmware.node import Node
from protocol import coap_message as coap
from protocol import credentials, oscore
from protocol.coap_exchange import MessageLayer
from protocol.coap_message import Message
from protocol.coap_observing import ObservingEndpoint
from protocol.coap_security import HeldContext, SecurityLayer
from protocol.coap_values import Request
from protocol.credentials import Credentials
from tests.firmware.board import NODE, SERVER, Board, Randomness, Street
from tests.protocol.block_cipher import aes

NODE_ID = b"\x00\x00\x00\x06"
GATEWAY_ID = b"\x00\x00\x00\x07"
FIRST = Credentials(b"the first secret", b"saltsalt", NODE_ID, GATEWAY_ID)
SECOND = Credentials(b"a second secret.", b"salt-two", NODE_ID, GATEWAY_ID)
RENEWED = b"renewed!"


class ServerKeys:
    """The server's side of the node's contexts, kept in memory only."""

    def __init__(self, *all_credentials):
        self._contexts = [self.derived(each) for each in all_credentials]
        self._sequences = {}
        self.sender = self._contexts[0]
        # The one that a restored server may not use.
        self.restored = None

    def derived(self, node_credentials):
        mirrored = node_credentials.mirrored()
        return HeldContext(aes, mirrored, credentials.encode(mirrored), True)

    def add(self, node_credentials):
        self._contexts.append(self.derived(node_credentials))

    def forget(self, index):
        del self._contexts[index]

    def held(self):
        return list(self._contexts)

    def sending(self):
        return self.sender

    def take_sequence(self, held):
        key = (held.credentials, held.context.id_context)
        self._sequences[key] = self._sequences.get(key, -1) + 1
        return self._sequences[key]

    def confirm(self, held):
        self.sender = held


class ServerLayer(SecurityLayer):
    """A SecurityLayer that answers what comes under a restored context under a renewed one."""

    def __init__(self, layer, keys):
        SecurityLayer.__init__(self, layer, keys, Randomness(77))
        self._keys = keys
        self._lower = layer
        self.renewals = 0

    def _take_request(self, exchange, inner, number):
        keys = self._keys
        if exchange.held is not keys.restored:
            return SecurityLayer._take_request(self, exchange, inner, number)
        self.renewals += 1
        id_context = RENEWED[:7] + bytes((self.renewals,))
        given = credentials.decode(exchange.held.credentials).renewed(id_context)
        keys.add(given.mirrored())
        held = keys.held()[-1]
        answer = Message(coap.ACK, coap.UNAUTHORIZED, inner.mid, inner.token, [])
        exchange.request_id.is_spent = True
        outer = oscore.protect_response(held.context, answer, exchange.request_id,
                                        keys.take_sequence(held), with_kid_context=True)
        self._lower.send(outer, exchange.peer, self._now_ms)
        return None


def provisioned(board=None, given=FIRST, limit=0):
    """Return a board whose store has the keys."""
    board = board or Board()
    if board.store.read(node_keys.KEY) is None:
        board.store.write(node_keys.KEY, node_keys.encode(limit, credentials.encode(given)))
    return board


class SecureStreet(Street):
    """A Street in which both sides protect. `wire` collects (from the node?, Message) of all."""

    def __init__(self, board=None, is_registered=True, server_credentials=(FIRST,), aes=aes,
                 **settings):
        self._aes = aes
        board = provisioned(board)
        board.aes = aes
        self.server_keys = ServerKeys(*server_credentials)
        self.wire = []
        self._boots = 1
        Street.__init__(self, board, is_registered, security="oscore", **settings)

    def new_server(self):
        layer = ServerLayer(MessageLayer(Randomness(98)), self.server_keys)
        return Listening(Randomness(99), message_layer=layer, wire=self.wire)

    def reboot(self, step=node_keys.SEQUENCE_STEP):
        """Let the node begin anew with the store that it has."""
        self._boots += 1
        board = Board(self.board.furniture, self.board.store, seed=1000 * self._boots)
        board.aes = self._aes
        self.board = board
        self.node = Node(board, self.settings)
        self.node.keys.step = step
        self.node.start(self.now_ms)
        self.settle()

    def replay(self, datagram):
        """Let the node hear a recorded datagram; return what it says to it."""
        self.node.receive_datagram(datagram, SERVER, self.now_ms)
        return self.node.datagrams_to_send()

    def count(self, name):
        return self.node.counters.get(name, 0)

    def ask(self, code, path, payload=b"", **options):
        """Ask the node and return the handle of what need not be answered."""
        request = Request(code, tuple(path.split("/")), (), payload, **options)
        handle = self.server.send_request(request, NODE, self.now_ms)
        self.settle()
        return handle

    def answer_to(self, handle):
        """Return the Response to what ask() asked, None if there is none."""
        return self._responses.pop(handle, None)

    def last_command(self):
        """Return (the last request of the server, the node's answer to it) as datagrams."""
        asked = [datagram for is_node, datagram in self.wire
                 if not is_node and coap.is_request(datagram[1])][-1]
        answers = [datagram for is_node, datagram in self.wire
                   if is_node and datagram[4:8] == asked[4:8]]
        return asked, answers[-1]

    def report(self, value):
        """Let the lamp report an event, and forget what the server heard before."""
        del self.wire[:], self.requests[:], self.records[:], self.events[:]
        self.node.clock.now_ms = self.now_ms
        self.node.reporting.report((3416, 0, 5), value)
        self.node.handle_timeout(self.now_ms)
        self.settle()


class Listening(ObservingEndpoint):
    """An endpoint that keeps what passes it: `wire` takes (is from the node, datagram)."""

    def __init__(self, random_bytes, message_layer, wire):
        ObservingEndpoint.__init__(self, random_bytes, message_layer=message_layer)
        self._wire = wire

    def receive_datagram(self, datagram, peer, now_ms):
        self._wire.append((True, datagram))
        ObservingEndpoint.receive_datagram(self, datagram, peer, now_ms)

    def datagrams_to_send(self):
        datagrams = ObservingEndpoint.datagrams_to_send(self)
        for datagram, peer in datagrams:
            assert peer == NODE
            self._wire.append((False, datagram))
        return datagrams


def write_keys(street, given):
    """Let the server write a new context; return the response code's text."""
    response = street.request(coap.PUT, "42802/0/0", credentials.encode(given), content_format=42)
    return "%d.%02d" % (response.code >> 5, response.code & 31)


def outer(street, is_from_node):
    """Return the messages with content that passed one way."""
    messages = [coap.decode(datagram) for is_node, datagram in street.wire
                if is_node == is_from_node]
    return [message for message in messages if message.code != coap.EMPTY]
