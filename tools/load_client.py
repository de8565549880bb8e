"""A load for a gateway: registered clients that send packs with a journal, one at a time each."""

import asyncio
import functools
from collections import deque

from gateway.coap_codec import code_text
from protocol import coap_message as coap
from protocol import senml
from protocol.number import Decimal
from protocol.senml import Record

UNIX_S = 1_765_000_000
LINKS = b"</3/0>,</3303/0>,</3411/0>,</3416/0>,</3418/0>,</42800/0>"
# For a whole series of packs.
ANSWER_TIMEOUT_S = 300.0


def temperatures(count: int, number: int) -> list[Record]:
    """Return `count` readings of a thermometer, of which `number` is the first."""
    return [
        Record("/3303/0/5700", Decimal(2000 + each, -2), UNIX_S + each)
        for each in range(number, number + count)
    ]


def lamp_report(number: int) -> list[Record]:
    """Return what a lamp with a meter reports every quarter of an hour."""
    values = {
        "/3416/0/3": number % 101,
        "/3416/0/15": Decimal(number, -2),
        "/3418/0/1": 228 + number % 5,
        "/3418/0/2": Decimal(26 + number % 3, -2),
        "/3418/0/4": Decimal(597 + number % 11, -1),
        "/3418/0/5": Decimal(93 + number % 4, -2),
        "/3418/0/6": Decimal(9 * number, -1),
    }
    return [Record(name, value, UNIX_S + number) for name, value in values.items()]


# By what a pack is: what makes its readings, from the sequence number of the first.
PACKS = {
    "1 reading": functools.partial(temperatures, 1),
    "8 readings": functools.partial(temperatures, 8),
    "a lamp's report": lamp_report,
}


class LoadClient(asyncio.DatagramProtocol):
    """One registered client; sends packs one after the other.

    It takes little CPU time itself, so that a load can come from the machine under test.
    """

    def __init__(self, number: int, is_queue_mode: bool = True) -> None:
        self._number = number
        self._is_queue_mode = is_queue_mode
        self._mid = 0
        self._sequence = 0
        self._answer: asyncio.Future | None = None
        self._waiting: deque[bytes] = deque()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple) -> None:
        if coap.is_request(data[1]):
            # The gateway asks what it is; in this bench nothing is served.
            message = coap.decode(data)
            refusal = coap.Message(coap.ACK, coap.NOT_FOUND, message.mid, message.token)
            self.transport.sendto(coap.encode(refusal))
        elif self._waiting and data[1] == coap.CHANGED:
            self.transport.sendto(self._waiting.popleft())
        elif self._answer is not None and not self._answer.done():
            self._answer.set_result(data)

    async def register(self) -> None:
        """Register; a server that has no /rd says so, and is none the worse for it."""
        options = [(coap.URI_PATH, b"rd"), (coap.CONTENT_FORMAT, b"\x28")]
        options += [(coap.URI_QUERY, b"ep=bench%d" % self._number), (coap.URI_QUERY, b"lt=3600")]
        options += [(coap.URI_QUERY, b"lwm2m=1.1"), (coap.URI_QUERY, b"b=U")]
        options += [(coap.URI_QUERY, b"Q")] if self._is_queue_mode else []
        await self._ask(self._request(options, LINKS))

    def pack(self, kind: str) -> bytes:
        """Return a Send of the next one of PACKS, to be sent in this order."""
        first = self._sequence + 1
        readings = PACKS[kind](first)
        self._sequence += len(readings)
        ranges = f"{first}-{self._sequence}"
        journal = {"/42800/0/0": 1, "/42800/0/1": ranges, "/42800/0/2": first}
        journal |= {"/42800/0/4": self._sequence, "/42800/0/5": 1}
        records = [Record(name, value) for name, value in journal.items()]
        options = [(coap.URI_PATH, b"dp"), (coap.CONTENT_FORMAT, b"\x70")]
        return self._request(options, senml.encode_cbor(records + readings))

    async def send(self, *packs: bytes) -> None:
        """Send packs, each when the last one is acknowledged; raises RuntimeError if one is not
        answered 2.04."""
        first, *others = packs
        self._waiting.extend(others)
        answer = await self._ask(first)
        if answer[1] != coap.CHANGED:
            raise RuntimeError(f"a Send was answered {code_text(answer[1])} {answer[6:]!r}")

    def _request(self, options: list[tuple[int, bytes]], payload: bytes) -> bytes:
        self._mid = self._mid + 1 & 0xFFFF
        token = self._mid.to_bytes(2, "big")
        message = coap.Message(coap.CON, coap.POST, self._mid, token, options, payload)
        return self._encoded(message)

    def _encoded(self, message: coap.Message) -> bytes:
        return coap.encode(message)

    async def _ask(self, request: bytes) -> bytes:
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.sendto(request)
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            return await self._answer


async def clients_of(port: int, count: int, is_queue_mode: bool = True) -> list[LoadClient]:
    """Return registered clients of the server on `port`."""
    loop = asyncio.get_running_loop()
    clients = []
    for number in range(count):
        _, client = await loop.create_datagram_endpoint(
            lambda number=number: LoadClient(number, is_queue_mode),
            remote_addr=("127.0.0.1", port),
        )
        await client.register()
        clients.append(client)
    return clients


async def send_all(clients: list[LoadClient], packs: list[list[bytes]]) -> None:
    """Send each client's packs, one at a time each; returns when all are acknowledged."""
    sends = zip(clients, packs, strict=True)
    await asyncio.gather(*(client.send(*each) for client, each in sends))


def packs_of(clients: list[LoadClient], count: int, kind: str) -> list[list[bytes]]:
    """Return `count` of PACKS in all, as many of each client."""
    return [[client.pack(kind) for _ in range(count // len(clients))] for client in clients]
