"""What a regular report weighs on the wire: the UDP payload of the Send, in clear and by OSCORE.

Each furniture runs for some virtual hours against a server that sets its clock and acknowledges;
shown is the largest Send of the last hour, with what is in it, and the same one protected.
"""

import random
import sys

from firmware.node import Node
from protocol import coap_message as coap
from protocol import oscore, senml
from protocol.coap_endpoint import Endpoint
from protocol.coap_values import Request, RequestReceived, Response
from protocol.settings import FURNITURES, Settings
from simulator.aes import aes
from simulator.fitting import Fitting
from simulator.virtual_board import VirtualBoard
from simulator.world.layout import LayoutSettings, layout
from simulator.world.places import ANGERS
from simulator.world.world import World, WorldSettings
from tools import figures

HOUR_MS = 3_600_000
HOURS = 4
START_S = 1_795_500_000
JOURNAL = "/42800/"
FIELDS = {"lamp": "lamps", "bin": "bins", "parking": "parking"}
NODE_ID, GATEWAY_ID = b"\x00\x01\x02\x04", b"\x00\x01\x02\x05"
CONTEXT = oscore.SecurityContext(aes, bytes(16), bytes(8), NODE_ID, GATEWAY_ID)
# After a year of reports each quarter of an hour, and of a boot each night with its 128 numbers.
SEQUENCE = 365 * (96 + 128)


class Server:
    """A server that registers the node, sets its clock once, and weighs what it is sent."""

    def __init__(self, peer) -> None:
        self._peer = peer
        self._endpoint = Endpoint(random.Random(2).randbytes)
        self.sends: list[tuple[int, bytes]] = []  # (when, datagram)

    def receive(self, datagram: bytes, now_ms: int) -> list[bytes]:
        self._endpoint.receive_datagram(datagram, self._peer, now_ms)
        while event := self._endpoint.next_event():
            if isinstance(event, RequestReceived):
                self._answer(event, datagram, now_ms)
        return [data for data, _ in self._endpoint.datagrams_to_send()]

    def _answer(self, event: RequestReceived, datagram: bytes, now_ms: int) -> None:
        if event.request.path == ("rd",):
            answer = Response(coap.CREATED, location=("rd", "1"))
            clock = str(START_S + now_ms // 1000).encode()
            write = Request(coap.PUT, ("3", "0", "13"), payload=clock, content_format=0)
            self._endpoint.send_request(write, self._peer, now_ms)
        else:
            answer = Response(coap.CHANGED)
        if event.request.path == ("dp",):
            self.sends.append((now_ms, datagram))
        self._endpoint.send_response(event.exchange, answer, now_ms)


class Clock:
    """The seconds of the run."""

    def __init__(self) -> None:
        self.now_s = 0.0


def board_of(furniture: str, clock: Clock) -> VirtualBoard:
    alone = {"lamps": 0, "bins": 0, "parking": 0, FIELDS[furniture]: 1}
    sites = layout(1, 1, LayoutSettings(**alone))
    world = World(1, START_S, ANGERS, sites, WorldSettings(), lambda: clock.now_s,
                  lambda happening: None)
    board = VirtualBoard(furniture, 1, random.Random(3), on_reset=lambda: None)
    Fitting(world, sites[0]).fit(board)
    return board


def largest_send(furniture: str) -> bytes:
    """Return the largest Send of the last hour, as a datagram."""
    clock = Clock()
    settings = Settings(server_uri="coap://192.0.2.9:5683", registration_spread_s=0,
                        latitude_e6=47_473_900, longitude_e6=-551_700, security="none")
    node = Node(board_of(furniture, clock), settings)
    server = Server(node.peer)
    node.start(0)
    now_ms = 0
    while now_ms < HOURS * HOUR_MS:
        clock.now_s = now_ms / 1000
        node.handle_timeout(now_ms)
        _exchange(node, server, now_ms)
        now_ms = max(now_ms + 1, node.next_timeout_ms())
    last_hour = [send for when, send in server.sends if when >= (HOURS - 1) * HOUR_MS]
    return max(last_hour, key=len)


def protected(send: bytes) -> bytes:
    """Return a Send in clear as the datagram of a node with keys of its own."""
    outer, _ = oscore.protect_request(CONTEXT, coap.decode(send), SEQUENCE)
    return coap.encode(outer)


def _exchange(node: Node, server: Server, now_ms: int) -> None:
    while sent := node.datagrams_to_send():
        for datagram, _ in sent:
            for answer in server.receive(datagram, now_ms):
                node.receive_datagram(answer, node.peer, now_ms)
    while node.next_event():
        pass


def main() -> int:
    rows = []
    for furniture in FURNITURES:
        send = largest_send(furniture)
        records = senml.decode_cbor(coap.decode(send).payload)
        names = [record.name for record in records if not record.name.startswith(JOURNAL)]
        size = len(protected(send))
        rows.append({"report": furniture, "readings": len(names), "bytes in clear": len(send),
                     "bytes with OSCORE": size, "more": size - len(send),
                     "with OSCORE per reading": round(size / len(names), 1),
                     "values": " ".join(names)})
    figures.publish("report_size", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
