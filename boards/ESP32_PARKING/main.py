"""A detector for four parking bays: Olimex ESP32-POE with four loop oscillators."""

import gc

# Garbage between code would split the heap.
gc.threshold(2048)

import time

from machine import Counter, Pin

from firmware.adapters.esp32_poe import Esp32Poe
from firmware.adapters.overlays import overlays
from firmware.adapters.udp import Udp
from firmware.adapters.uptime import Uptime
from firmware.drivers.loop_oscillator import LoopOscillator
from firmware.node import Node
from firmware.runner import Runner

PIN_LOOP_0 = 32
PIN_LOOP_1 = 33
PIN_LOOP_2 = 13
PIN_LOOP_3 = 16
# A twentieth of the shortest period: shorter pulses are disturbances.
FILTER_NS = 300


def make_loop(number, pin):
    """Return the loop on pulse counter `number`."""
    counter = Counter(number, Pin(pin, Pin.IN), filter_ns=FILTER_NS)
    return LoopOscillator(counter, time.ticks_us, time.ticks_diff)
JOURNAL_SEGMENTS = 64
JOURNAL_WRITES_PER_HOUR = 30
JOURNAL_WRITES_BURST = 60


def make_board():
    """Return the board with all its roles."""
    board = Esp32Poe()
    board.name = board.model = "ESP32_PARKING"
    board.hardware_version = "1"
    board.furniture = "parking"
    board.journal_segments = JOURNAL_SEGMENTS
    board.journal_writes_per_hour = JOURNAL_WRITES_PER_HOUR
    board.journal_writes_burst = JOURNAL_WRITES_BURST
    pins = (PIN_LOOP_0, PIN_LOOP_1, PIN_LOOP_2, PIN_LOOP_3)
    board.loops = tuple([make_loop(number, pin) for number, pin in enumerate(pins)])
    board.connect()
    return board


def main():
    """Run the node until a reset; leave a node without settings at its prompt."""
    board = make_board()
    settings = board.read_settings()
    if settings is None:
        return
    node = Node(board, settings)
    uptime = Uptime()
    Runner(node, Udp(uptime), uptime, board.watchdog,
           make_room=overlays.forget).run()


if __name__ == "__main__":
    main()
