"""A bin sensor: ESP32-C3-MINI-1 with MB7389, LIS2DH12, TMP117 and a lithium cell."""

import gc

# Garbage between code would split the heap.
gc.threshold(2048)

from machine import ADC, I2C, UART, Pin

from firmware.adapters.esp32 import Esp32, LightSleep, Wlan
from firmware.adapters.overlays import overlays
from firmware.adapters.udp import Udp
from firmware.adapters.uptime import Uptime
from firmware.drivers.battery_divider import BatteryDivider
from firmware.drivers.lis2dh12 import Lis2dh12
from firmware.drivers.mb7389 import Mb7389
from firmware.drivers.tmp117 import Tmp117
from firmware.node import Node
from firmware.runner import Runner

PIN_BATTERY = 0
PIN_RANGEFINDER_SUPPLY = 1
PIN_RANGEFINDER_RX = 3
PIN_RANGEFINDER_TX = 10
PIN_I2C_SDA = 4
PIN_I2C_SCL = 5
RANGEFINDER_BAUD = 9600
BATTERY_RATIO = 2
JOURNAL_SEGMENTS = 64
JOURNAL_WRITES_PER_HOUR = 12
JOURNAL_WRITES_BURST = 12


def make_board():
    """Return the board with all its roles."""
    board = Esp32()
    board.name = board.model = "ESP32_BIN"
    board.hardware_version = "1"
    board.furniture = "bin"
    board.journal_segments = JOURNAL_SEGMENTS
    board.journal_writes_per_hour = JOURNAL_WRITES_PER_HOUR
    board.journal_writes_burst = JOURNAL_WRITES_BURST
    uart = UART(1, RANGEFINDER_BAUD, tx=PIN_RANGEFINDER_TX, rx=PIN_RANGEFINDER_RX)
    board.rangefinder = Mb7389(uart, Pin(PIN_RANGEFINDER_SUPPLY, Pin.OUT, value=0))
    i2c = I2C(0, sda=Pin(PIN_I2C_SDA), scl=Pin(PIN_I2C_SCL), freq=100000)
    board.accelerometer = Lis2dh12(i2c)
    board.thermometer = Tmp117(i2c)
    board.battery = BatteryDivider(ADC(Pin(PIN_BATTERY), atten=ADC.ATTN_11DB), BATTERY_RATIO)
    board.radio = Wlan(board.store)
    return board


def main():
    """Run the node until a reset; leave a node without settings at its prompt."""
    board = make_board()
    settings = board.read_settings()
    if settings is None:
        return
    node = Node(board, settings)
    uptime = Uptime()
    power = LightSleep(board.radio, board.watchdog, board.rangefinder.switch_off)
    Runner(node, Udp(uptime), uptime, board.watchdog, power,
           make_room=overlays.forget).run()


if __name__ == "__main__":
    main()
