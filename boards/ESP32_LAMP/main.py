"""A street lamp controller: Olimex ESP32-POE with BL0942, VEML7700 and EKMC1603111."""

import gc

# Garbage between code would split the heap.
gc.threshold(2048)

from machine import I2C, PWM, UART, Pin

from firmware.adapters.esp32_poe import Esp32Poe
from firmware.adapters.overlays import overlays
from firmware.adapters.udp import Udp
from firmware.adapters.uptime import Uptime
from firmware.drivers.bl0942 import Bl0942
from firmware.drivers.dimmer_1_10v import Dimmer
from firmware.drivers.ekmc1603111 import Ekmc1603111
from firmware.drivers.veml7700 import Veml7700
from firmware.node import Node
from firmware.runner import Runner

PIN_DIMMER_PWM = 32
PIN_RELAY = 33
PIN_METER_TX = 4
PIN_METER_RX = 36
PIN_I2C_SDA = 13
PIN_I2C_SCL = 16
PIN_MOTION = 14
PWM_HZ = 1000
METER_BAUD = 4800
JOURNAL_SEGMENTS = 64
JOURNAL_WRITES_PER_HOUR = 30
JOURNAL_WRITES_BURST = 30
ENERGY_SAVE_INTERVAL_S = 60


def make_board():
    """Return the board with all its roles."""
    board = Esp32Poe()
    board.name = board.model = "ESP32_LAMP"
    board.hardware_version = "1"
    board.furniture = "lamp"
    board.journal_segments = JOURNAL_SEGMENTS
    board.journal_writes_per_hour = JOURNAL_WRITES_PER_HOUR
    board.journal_writes_burst = JOURNAL_WRITES_BURST
    board.energy_save_interval_s = ENERGY_SAVE_INTERVAL_S
    # The relay first: an output that starts low keeps its contact closed, the lamp burns.
    relay = Pin(PIN_RELAY, Pin.OUT, value=0)
    board.dimmer = Dimmer(PWM(Pin(PIN_DIMMER_PWM), freq=PWM_HZ, duty_u16=0), relay)
    board.meter = Bl0942(UART(1, METER_BAUD, tx=PIN_METER_TX, rx=PIN_METER_RX))
    i2c = I2C(0, sda=Pin(PIN_I2C_SDA), scl=Pin(PIN_I2C_SCL), freq=100000)
    board.photocell = Veml7700(i2c)
    board.motion = Ekmc1603111(Pin(PIN_MOTION, Pin.IN, Pin.PULL_DOWN))
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
