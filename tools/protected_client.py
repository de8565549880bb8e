"""A load for a gateway under OSCORE: clients whose keys it knows, and a gateway that has them."""

import asyncio
import contextlib
import gc
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from random import SystemRandom

from gateway import process, service, settings
from gateway.composition import UplinkBuilder, clock_of, transport_of
from protocol import coap_message as coap
from protocol import oscore, oscore_option
from protocol.credentials import Credentials
from protocol.errors import SecurityError
from simulator.aes import aes
from tools.load_client import LoadClient

ID_BYTES = 4


class NoUplinks(UplinkBuilder):
    """A gateway that delivers nothing."""

    def build(self, *parts: object) -> dict:
        return {}


def credentials_of(number: int) -> Credentials:
    """Return the keys of client `number`, as it holds them."""
    kid = (2 * number).to_bytes(ID_BYTES, "big")
    secret = number.to_bytes(16, "big")
    return Credentials(secret, bytes(8), kid, kid[:3] + bytes((kid[3] | 1,)))


def endpoint_of(number: int) -> str:
    """Return the endpoint name of client `number`."""
    return f"bench{number}"


class Protection:
    """A client's side of its context."""

    def __init__(self, number: int) -> None:
        given = credentials_of(number)
        self._context = oscore.SecurityContext(
            aes, given.master_secret, given.master_salt, given.sender_id, given.recipient_id)
        self._sequence = 0
        self._requests: dict[bytes, oscore.RequestId] = {}

    def request(self, message: coap.Message) -> bytes:
        """Return the datagram of a request."""
        outer, self._requests[message.token] = oscore.protect_request(
            self._context, message, self._sequence)
        self._sequence += 1
        return coap.encode(outer)

    def response(self, data: bytes) -> coap.Message:
        """Return the response in a datagram; one that nothing protects is as it is."""
        outer = coap.decode(data)
        value = coap.option(outer.options, coap.OSCORE)
        if value is None:
            return outer
        request_id = self._requests[outer.token]
        option = oscore_option.decode(value)
        return oscore.unprotect_response(self._context, outer, option, request_id)[0]

    def refusal(self, data: bytes) -> bytes:
        """Return the answer to a request of the gateway: in a bench nothing is served."""
        outer = coap.decode(data)
        option = oscore_option.decode(coap.option(outer.options, coap.OSCORE))
        try:
            _, request_id = oscore.unprotect_request(self._context, outer, option)
        except SecurityError:
            # Another client had this socket's address before.
            return b""
        refusal = coap.Message(coap.ACK, coap.NOT_FOUND, outer.mid, outer.token)
        return coap.encode(oscore.protect_response(self._context, refusal, request_id))


class ProtectedClient(LoadClient):
    """A load client whose messages are protected."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self._protection = Protection(number)

    def datagram_received(self, data: bytes, address: tuple) -> None:
        if coap.is_request(data[1]):
            self.transport.sendto(self._protection.refusal(data))
            return
        inner = self._protection.response(data)
        super().datagram_received(data[:1] + bytes((inner.code,)) + data[2:], address)

    def _encoded(self, message: coap.Message) -> bytes:
        return self._protection.request(message)


async def protected_clients_of(port: int, count: int) -> list[ProtectedClient]:
    """Return registered clients of the gateway on `port`."""
    loop = asyncio.get_running_loop()
    clients = []
    for number in range(count):
        _, client = await loop.create_datagram_endpoint(
            lambda number=number: ProtectedClient(number), remote_addr=("127.0.0.1", port))
        await client.register()
        clients.append(client)
    return clients


async def serve(folder: str, security: str, clients: int) -> None:
    """Run a whole gateway without uplinks, which knows the keys of `clients`; print its port."""
    gc.set_threshold(*process.GC_THRESHOLDS)
    text = f"""
    [gateway]
    id = "bench"
    data = "data"
    listen = "127.0.0.1:0"
    security = "{security}"
    time = "system"
    """
    parsed = settings.parse(text, Path(folder))
    gateway = service.Gateway(parsed, transport=transport_of(parsed), clock=clock_of(parsed),
                              random=SystemRandom(), uplinks=NoUplinks())
    await gateway.start()
    if gateway.contexts is not None and not gateway.contexts.rows():
        await gateway.contexts.add_all(
            (endpoint_of(number), credentials_of(number)) for number in range(clients))
    gc.freeze()
    print(gateway.addresses()[0][1], flush=True)
    await asyncio.get_running_loop().create_future()


@contextlib.asynccontextmanager
async def serving(
    folder: str, security: str, clients: int
) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """Run `serve` in a process of its own: gives (process, port)."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tools.protected_client", folder, security, str(clients),
        stdout=asyncio.subprocess.PIPE)
    try:
        yield child, int(await child.stdout.readline())
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2], int(sys.argv[3])))
