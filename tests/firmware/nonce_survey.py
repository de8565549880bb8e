"""A node's life with a store that is cut off, or fails, at one of its operations.

All nonces are seen where they are used, in the block cipher: with the keys under which the node
sends, none may come twice, whatever the cut.
"""

from protocol import coap_message as coap
from protocol import credentials
from protocol.coap_security import HeldContext
from protocol.credentials import Credentials
from tests.firmware.board import Board, MemoryStore, code_text
from tests.firmware.secure_street import (
    FIRST,
    GATEWAY_ID,
    NODE_ID,
    SECOND,
    SecureStreet,
    provisioned,
)
from tests.protocol.block_cipher import aes

# Known to the node alone: a gateway that died when it had written it.
THIRD = Credentials(b"the third secret", b"saltsalt", NODE_ID, GATEWAY_ID)
STEP = 3
CUT_BEFORE, CUT_AFTER, FAIL_BEFORE, FAIL_AFTER = range(4)


class PowerCut(Exception):
    """The node is dark in the middle of what it did."""


class CutStore(MemoryStore):
    """Ends at operation `at` after arm(), in one of four ways; `count` is how many there were."""

    def __init__(self):
        MemoryStore.__init__(self)
        self.arm(None, CUT_BEFORE)

    def arm(self, at, mode):
        self.count = 0
        self._at = at
        self._mode = mode

    def write(self, key, data):
        self._operate(lambda: MemoryStore.write(self, key, data))

    def append(self, key, data):
        self._operate(lambda: MemoryStore.append(self, key, data))

    def remove(self, key):
        self._operate(lambda: MemoryStore.remove(self, key))

    def _operate(self, operation):
        is_moment = self.count == self._at
        self.count += 1
        if not is_moment or self._mode in (CUT_AFTER, FAIL_AFTER):
            operation()
        if is_moment:
            raise PowerCut() if self._mode in (CUT_BEFORE, CUT_AFTER) else OSError(5)


class Life:
    """The workload: reports, commands, a rotation, a renewal, and a rotation that fails."""

    def __init__(self, at=None, mode=CUT_BEFORE):
        self.uses = {}
        board = provisioned(Board(store=CutStore()))
        self.street = SecureStreet(board, False, (FIRST, SECOND), aes=self.watch)
        board.store.arm(at, mode)

    def watch(self, key, data, is_chained):
        """Encrypt, and note the nonce where a key stream begins."""
        if not is_chained and data[0] == 1 and data[14] == data[15] == 0:
            use = bytes(key) + bytes(data[1:14])
            self.uses[use] = self.uses.get(use, 0) + 1
        return aes(key, data, is_chained)

    def run(self):
        """Live; return the number of operations of the store."""
        for step in (self._reboot, self._report, self._command, self._reboot, self._rotate,
                     self._report, self._restore, self._report, self._rotate_in_vain, self._report,
                     self._reboot, self._settle):
            try:
                step()
            except PowerCut:
                self._reboot()
        return self.street.board.store.count

    def _reboot(self):
        self.street.reboot(STEP)
        self._replay()

    def _replay(self):
        """Let the node hear again what it heard last before its reset: it was answered then."""
        recorded = [datagram for is_node, datagram in self.street.wire
                    if not is_node and coap.is_request(datagram[1])]
        for datagram in recorded[-2:]:
            again = bytearray(datagram)
            again[2] ^= 0x55
            self.street.replay(bytes(again))
            self.street.advance(1000)

    def _settle(self):
        self.street.advance(900000)

    def _report(self):
        for value in (True, False, True, False, True):
            self.street.report(value)
            self.street.advance(1000)

    def _command(self):
        for level in (b"20", b"40"):
            self._ask("3416/0/1", level, 0)

    def _ask(self, path, payload, content_format):
        self.street.ask(coap.PUT, path, payload, content_format=content_format)
        self.street.advance(5000)

    def _rotate(self):
        self._ask("42802/0/0", credentials.encode(SECOND), 42)

    def _restore(self):
        """Let the server be one that may not use what it has, until the node has fresh keys."""
        keys = self.street.server_keys
        keys.restored = keys.sender
        self.street.node.client.suspect()
        self.street.advance(1000)
        self._command()
        keys.restored = None

    def _rotate_in_vain(self):
        self._ask("42802/0/0", credentials.encode(THIRD), 42)
        self.street.advance(700000)

    def complaint(self):
        """Return what is wrong after the life, or None."""
        twice = [use for use in self.uses if self.uses[use] > 1 and use[:16] in self._own_keys()]
        if twice:
            return "%d nonces used twice" % len(twice)
        street = self.street
        if not street.node.client.is_registered():
            return "not registered"
        response = street.ask(coap.GET, "3/0/0")
        street.advance(10000)
        response = street.answer_to(response)
        if response is None or response.code != coap.CONTENT:
            return "not readable: %s" % (response and code_text(response.code))
        return None

    def _own_keys(self):
        """Return the keys under which the node encrypts, of all contexts that it can have had."""
        given = [FIRST, SECOND, THIRD]
        for held in self.street.server_keys.held():
            mirrored = credentials.decode(held.credentials)
            given.append(mirrored.mirrored())
        return [HeldContext(aes, each, b"", True).context.sender_key for each in given]


def survey(first=0, stride=1):
    """Live once for each operation and each way to end it; return (lives, complaints)."""
    count = Life().run()
    lives = 0
    complaints = []
    for at in range(first, count, stride):
        for mode in (CUT_BEFORE, CUT_AFTER, FAIL_BEFORE, FAIL_AFTER):
            life = Life(at, mode)
            life.run()
            lives += 1
            complaint = life.complaint()
            if complaint:
                complaints.append("%d/%d: %s" % (at, mode, complaint))
    return lives, complaints
