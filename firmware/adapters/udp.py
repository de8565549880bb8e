"""Datagrams over one UDP socket, for MicroPython's ports and CPython."""

import select
import socket

DATAGRAM_SIZE_MAX = 1152
# A name is looked up again when its address has been silent for so long, or could not be sent to.
LOOK_UP_AGAIN_MS = 600 * 1000
LOOK_UP_PAUSE_MS = 5000


class Udp:
    """Maps peers (host, port) to socket addresses and back.

    The socket is opened, in the address family of the peer, by the first datagram sent: a node
    speaks first. Lost datagrams, whatever the reason, are CoAP's business; `errors` counts them.
    """

    def __init__(self, uptime):
        self._uptime = uptime
        self._socket = None
        self._family = None
        self._poll = select.poll()
        self._peer = None
        self._address = None
        self._is_doubtful = False
        self._proven_ms = 0
        self._look_up_ms = 0
        self.errors = 0

    def send(self, datagram, peer):
        """Send a datagram to a (host, port)."""
        try:
            address = self._address_of(peer)
            if address is None:
                self.errors += 1
            else:
                self._socket.sendto(datagram, address)
        except OSError:
            self.errors += 1
            # Not forgotten: what comes from it is still the peer's.
            self._is_doubtful = True

    def receive(self, timeout_ms):
        """Return the next (datagram, peer), or None after `timeout_ms`.

        The peer of an address that we did not send to is that address itself.
        """
        if not self._poll.poll(timeout_ms):
            return None
        try:
            datagram, address = self._socket.recvfrom(DATAGRAM_SIZE_MAX)
        except OSError:
            self.errors += 1
            return None
        # MicroPython's unix port packs addresses into bytes; an IPv6 tuple goes on after the port.
        address = address[:2] if isinstance(address, tuple) else bytes(address)
        if address == self._address_key():
            self._proven_ms = self._uptime.now_ms()
            return datagram, self._peer
        return datagram, address

    def close(self):
        """Close the socket."""
        if self._socket is not None:
            self._poll.unregister(self._socket)
            self._socket.close()
            self._socket = None

    def _address_key(self):
        address = self._address
        return address[:2] if isinstance(address, tuple) else address

    def _address_of(self, peer):
        """Return the peer's address, looked up (which blocks) once and after long silence."""
        now_ms = self._uptime.now_ms()
        is_known = (peer == self._peer and self._address is not None
                    and not self._is_doubtful)
        if is_known and now_ms - self._proven_ms < LOOK_UP_AGAIN_MS:
            return self._address
        if peer != self._peer or now_ms >= self._look_up_ms:
            self._look_up_ms = now_ms + LOOK_UP_PAUSE_MS
            self._look_up(peer, now_ms)
        return self._address

    def _look_up(self, peer, now_ms):
        try:
            found = socket.getaddrinfo(peer[0], peer[1], 0, socket.SOCK_DGRAM)[0]
        except OSError:
            # An old address, if there is one, is better than none.
            self.errors += 1
            if peer != self._peer:
                self._peer, self._address = peer, None
            return
        if self._socket is None or found[0] != self._family:
            self._open(found[0])
        self._peer = peer
        self._address = found[-1] if isinstance(found[-1], tuple) else bytes(found[-1])
        self._is_doubtful = False
        self._proven_ms = now_ms

    def _open(self, family):
        self.close()
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._family = family
        self._poll.register(self._socket, select.POLLIN)
