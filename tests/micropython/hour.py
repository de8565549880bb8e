"""A node alone in its interpreter: `-m tests.micropython.hour FURNITURE`, told all by its host.

Each line of input is the time in ms and, perhaps, a datagram in hex. Each answer is one line: when
the node wants to be called next, and the datagrams that it sends. Its sensors tell of a normal
day, by that time alone.
"""

import gc
import sys
from binascii import hexlify, unhexlify

# As every main.py does, before it imports much: garbage between code splits the heap. CPython,
# which counts calls here, has no such call.
if hasattr(gc, "threshold"):
    gc.threshold(2048)

from firmware import keys
from firmware.hardware import MeterReading
from firmware.node import Node
from protocol.settings import Settings

try:
    from firmware.adapters.aes import aes
except ImportError:
    from simulator.aes import aes

# The node's side of tools/node_hour.py's keys, as protocol/credentials.py writes them.
CREDENTIALS = (b"\xa5\x01\x01\x02Ponly for an hour\x03Hsaltsalt"
               b"\x04D\x00\x00\x00\x06\x05D\x00\x00\x00\x07")
PIECE = 32
say = sys.stdout.write


class Board:
    """A board of any furniture: every role in one object, to take little of the heap."""

    name = model = hardware_version = "hour"
    mac = b"\x02\x00\x00\x00\x00\x01"
    reset_cause = "power"
    bearer = 21
    journal_segments = 64
    journal_writes_per_hour = 30
    journal_writes_burst = 30
    energy_save_interval_s = 60

    def __init__(self, furniture):
        self.furniture = furniture
        self.now_ms = 0
        self.permille = 1000
        self.energy_mwh = 0
        self._state = 1
        self._entries = {keys.KEY: keys.encode(0, CREDENTIALS)}
        self.aes = aes
        self.store = self.radio = self.watchdog = self
        is_lamp = furniture == "lamp"
        self.dimmer = self.meter = self.photocell = self.motion = self if is_lamp else None
        is_bin = furniture == "bin"
        self.rangefinder = self.accelerometer = self.thermometer = self if is_bin else None
        self.battery = None if furniture == "lamp" else self
        self.loops = (self,) if furniture == "parking" else ()

    def random_bytes(self, count):
        data = bytearray(count)
        for index in range(count):
            self._state = (self._state * 1103515245 + 12345) & 0x7FFFFFFF
            data[index] = self._state >> 16 & 0xFF
        return bytes(data)

    def append(self, key, data):
        self._entries[key] = self._entries.get(key, b"") + data

    def keys(self, prefix):
        return [key for key in self._entries if key.startswith(prefix)]

    def write(self, key, data):
        self._entries[key] = data

    def remove(self, key):
        self._entries.pop(key, None)

    def read(self, key=None):
        if key is not None:
            return self._entries.get(key)
        self.energy_mwh += self.permille // 10
        power_mw = 60 * self.permille
        return MeterReading(230000, power_mw // 230, power_mw, 50000, 950, self.energy_mwh)

    def reset(self):
        raise SystemExit("nobody asked for a reset")

    def feed(self):
        pass

    def rssi_dbm(self):
        return -60

    def link_quality(self):
        return 80

    def ip_addresses(self):
        return ("192.0.2.2",)

    def router_addresses(self):
        return ("192.0.2.1",)

    def set_level(self, permille):
        self.permille = permille

    def read_lux(self):
        return 5

    def is_present(self):
        return False

    def measure_mm(self):
        # A full container after an hour.
        return 1150 - self.now_ms // 3600

    def read_mg(self):
        return (0, 0, 1000)

    def read_centicelsius(self):
        return 2100

    def read_mv(self):
        return 3600

    def read_hz(self):
        # A car every ten minutes, for five of them.
        return 61200 if self.now_ms // 300000 % 2 else 60000


def make(furniture):
    """Return (board, node), the node started."""
    board = Board(furniture)
    node = Node(board, Settings(
        server_uri="coap://192.0.2.9:5683", registration_spread_s=0, security="oscore"))
    node.start(0)
    return board, node


def take(board, node, line):
    """Let the node take a line of input."""
    words = line.split()
    now_ms = board.now_ms = int(words[0])
    if len(words) > 1:
        node.receive_datagram(unhexlify(words[1]), node.peer, now_ms)
    else:
        node.handle_timeout(now_ms)
    while node.next_event():
        pass


def answer(node, say):
    """Give the node's answer to `say`, piece by piece."""
    say(str(node.next_timeout_ms()))
    for datagram, _ in node.datagrams_to_send():
        say(" ")
        for index in range(0, len(datagram), PIECE):
            # A datagram as a whole goes to a socket as it is.
            say(hexlify(datagram[index:index + PIECE]).decode())


def main(furniture):
    board, node = make(furniture)
    for line in sys.stdin:
        take(board, node, line)
        say("@result ")
        answer(node, say)
        say("\n")


if __name__ == "__main__":
    main(sys.argv[1])
