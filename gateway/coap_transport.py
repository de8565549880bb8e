"""Datagram transports: the seam below CoAP over UDP (RFC 7252 section 3).

A transport moves whole datagrams and knows nothing else. `UdpTransport` does it with sockets;
a simulation gives an object with the same four calls.
"""

import asyncio
import errno
import socket
import struct
from collections.abc import Callable
from typing import Protocol

#: `(host, port)`; the host is a numeric address, an IPv6 link-local one with its `%zone`.
Peer = tuple[str, int]
#: What `send` needs to answer from the address that was asked; opaque, None: any.
Local = bytes | None
Receive = Callable[[bytes, Peer, Local], None]

DATAGRAM_MAX = 65_535
"""Longest datagram that is read, in bytes: no UDP datagram is longer. One that was cut could pass
for whole, since CoAP's payload ends with the datagram."""
DATAGRAMS_PER_TURN_MAX = 64
"""Datagrams taken from one socket before the event loop gets its turn."""
RECEIVE_BUFFER_BYTES = 4 << 20
"""Asked of the kernel: the default of 212,992 bytes holds about 250 datagrams, less than the
burst of a district whose power returns."""

_IP_PKTINFO = 8  # linux/in.h; the socket module names it from Python 3.12 on
_IN_PKTINFO = struct.Struct("=I4s4s")
_ANCILLARY_BYTES = socket.CMSG_SPACE(20)
_TRANSIENT = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS)


class DatagramTransport(Protocol):
    """What the gateway asks of the network."""

    def open(self, receive: Receive) -> None:
        """Start to hand each datagram to `receive(datagram, peer, local)`. Raises OSError."""

    def send(self, datagram: bytes, peer: Peer, local: Local) -> bool:
        """Give one datagram to the network; False if it could not take it (it counts as lost)."""

    def addresses(self) -> list[Peer]:
        """Return the local addresses, with the ports that were really bound."""

    def close(self) -> None:
        """Stop; nothing is received or sent any more."""


class UdpTransport:
    """UDP sockets on the given local addresses, IPv4 and IPv6 alike.

    A port that another process has is refused (OSError): SO_REUSEADDR and SO_REUSEPORT stay off,
    with them a second gateway would silently take a share of the nodes. IP_RECVERR stays off too:
    with it the kernel hands a dead node's ICMP error to whatever is sent next. What ICMP could
    tell, the retransmissions find out.
    """

    def __init__(self, listen: list[Peer]) -> None:
        self._listen = listen
        self._sockets: dict[int, _Socket] = {}
        self.lost_on_send = 0

    def open(self, receive: Receive) -> None:
        try:
            for host, port in self._listen:
                bound = _Socket(host, port, receive)
                self._sockets.setdefault(bound.family, bound)
                bound.start()
        except OSError:
            self.close()
            raise

    def send(self, datagram: bytes, peer: Peer, local: Local) -> bool:
        family = socket.AF_INET6 if ":" in peer[0] else socket.AF_INET
        bound = self._sockets.get(family)
        is_sent = bound is not None and bound.send(datagram, peer, local)
        self.lost_on_send += not is_sent
        return is_sent

    def addresses(self) -> list[Peer]:
        return [bound.address() for bound in self._sockets.values()]

    def close(self) -> None:
        for bound in self._sockets.values():
            bound.close()
        self._sockets.clear()


class _Socket:
    """One bound socket. On a wildcard address it asks for each datagram's destination, so that
    the answer leaves from there (RFC 7252 section 5.3.2 matches answers by endpoint)."""

    def __init__(self, host: str, port: int, receive: Receive) -> None:
        self.family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._receive = receive
        self._is_wildcard = host in ("0.0.0.0", "::")
        self._socket = socket.socket(self.family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            self._configure()
            self._socket.bind(socket.getaddrinfo(host, port, self.family, socket.SOCK_DGRAM)[0][4])
        except OSError:
            self._socket.close()
            raise

    def _configure(self) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        if self.family == socket.AF_INET6:
            self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if self._is_wildcard:
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        elif self._is_wildcard:
            self._socket.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)

    def start(self) -> None:
        read = self._read_with_destination if self._is_wildcard else self._read
        asyncio.get_running_loop().add_reader(self._socket, read)

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def address(self) -> Peer:
        return self._socket.getsockname()[:2]

    def send(self, datagram: bytes, peer: Peer, local: Local) -> bool:
        try:
            if local is None:
                self._socket.sendto(datagram, peer)
            else:
                self._socket.sendmsg([datagram], [self._source(local)], 0, peer)
        except OSError:
            # No buffer, no route, no such host: for CoAP the datagram is lost, nothing else.
            return False
        return True

    def _source(self, local: bytes) -> tuple[int, int, bytes]:
        if self.family == socket.AF_INET6:
            return (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, local)
        return (socket.IPPROTO_IP, _IP_PKTINFO, local)

    def _read(self) -> None:
        for _ in range(DATAGRAMS_PER_TURN_MAX):
            try:
                datagram, address = self._socket.recvfrom(DATAGRAM_MAX)
            except OSError as error:
                if error.errno in _TRANSIENT:
                    return
                continue
            self._receive(datagram, address[:2], None)
            if self._socket.fileno() < 0:
                return

    def _read_with_destination(self) -> None:
        for _ in range(DATAGRAMS_PER_TURN_MAX):
            try:
                datagram, ancillary, _, address = self._socket.recvmsg(
                    DATAGRAM_MAX, _ANCILLARY_BYTES
                )
            except OSError as error:
                if error.errno in _TRANSIENT:
                    return
                continue
            self._receive(datagram, address[:2], _destination(ancillary))
            if self._socket.fileno() < 0:
                return


def _destination(ancillary: list[tuple[int, int, bytes]]) -> Local:
    for level, kind, data in ancillary:
        if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
            return data
        if level == socket.IPPROTO_IP and kind == _IP_PKTINFO:
            # ipi_spec_dst is the local address to answer from; no interface is forced.
            return _IN_PKTINFO.pack(0, _IN_PKTINFO.unpack(data)[1], bytes(4))
    return None
