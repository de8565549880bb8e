"""What every ESP32 board has, from MicroPython's machine and network modules (1.24 and later).

Not yet run on a chip.
"""

import os
import time

import machine
import network

from firmware.adapters.aes import aes
from firmware.adapters.file_store import FileStore
from protocol import cbor, settings
from protocol.errors import DecodeError

WATCHDOG_MS = 30000
CONNECT_MS_MAX = 15000
WLAN_BEARER = 21
ETHERNET_BEARER = 41
STATE_FOLDER = "/state"
SETTINGS_KEY = "settings"
# The access point, as the tools write it: a CBOR map with `ssid` and `password`.
WLAN_KEY = "wlan"


class Esp32:
    """The parts of a board that are the same on all; a board's main adds its roles."""

    dimmer = meter = photocell = motion = None
    rangefinder = accelerometer = thermometer = battery = None
    loops = ()

    def __init__(self):
        self.mac = machine.unique_id()
        self.store = FileStore(STATE_FOLDER)
        self.watchdog = None
        self.random_bytes = os.urandom
        self.aes = aes
        self.reset = machine.reset
        self.reset_cause = _reset_cause()

    def read_settings(self):
        """Return the node's Settings and start the watchdog; None while nobody has written any.

        Then the node stays at its prompt, for the tools, with its outputs at their defaults.
        """
        data = self.store.read(SETTINGS_KEY)
        if data is None:
            print("no settings yet: provision this node")
            return None
        given = settings.decode(data)
        self.watchdog = machine.WDT(timeout=WATCHDOG_MS)
        return given


def _reset_cause():
    cause = machine.reset_cause()
    if cause == machine.WDT_RESET:
        return "watchdog"
    if cause == machine.DEEPSLEEP_RESET:
        return "deepsleep"
    # MicroPython shows a brown-out as a power-on.
    return "software" if cause == machine.SOFT_RESET else "power"


class Wlan:
    """Wi-Fi station; it connects again by itself."""

    bearer = WLAN_BEARER

    def __init__(self, store):
        self._interface = network.WLAN(network.STA_IF)
        self._access = _access_point(store)
        self.switch_on()

    def switch_on(self):
        """Begin to connect; the address comes later."""
        self._interface.active(True)
        self._interface.config(pm=network.WLAN.PM_POWERSAVE)
        if self._access is not None and not self._interface.isconnected():
            self._interface.connect(*self._access)

    def switch_off(self):
        """Disconnect and cut the radio's current."""
        self._interface.active(False)

    def is_connected(self):
        """Tell whether there is an address."""
        return self._interface.isconnected()

    def rssi_dbm(self):
        return self._interface.status("rssi") if self.is_connected() else None

    def link_quality(self):
        """Return 0..100 for -100 to -50 dBm, as access points show it."""
        rssi_dbm = self.rssi_dbm()
        return None if rssi_dbm is None else min(max(2 * (rssi_dbm + 100), 0), 100)

    def ip_addresses(self):
        return (self._interface.ifconfig()[0],) if self.is_connected() else ()

    def router_addresses(self):
        return (self._interface.ifconfig()[2],) if self.is_connected() else ()


class Ethernet:
    """Wired network through the chip's own MAC; `options` are those of network.LAN."""

    bearer = ETHERNET_BEARER

    def __init__(self, **options):
        self._interface = network.LAN(**options)
        self._interface.active(True)

    def rssi_dbm(self):
        return None

    def link_quality(self):
        return None

    def ip_addresses(self):
        return (self._interface.ifconfig()[0],) if self._interface.isconnected() else ()

    def router_addresses(self):
        return (self._interface.ifconfig()[2],) if self._interface.isconnected() else ()


class LightSleep:
    """Sleep with the radio off and the memory kept.

    Not deep sleep: that loses the registration and the clock, which are in memory.
    `before_sleep()` switches off what the board's sensors draw.
    """

    def __init__(self, radio, watchdog, before_sleep):
        self._radio = radio
        self._watchdog = watchdog
        self._before_sleep = before_sleep
        self._is_radio_on = True

    def sleep(self, duration_ms):
        """Sleep; the radio stays off until wake()."""
        self._before_sleep()
        if self._is_radio_on:
            self._radio.switch_off()
            self._is_radio_on = False
        machine.lightsleep(duration_ms)

    def wake(self):
        """Have a connection, or have tried for 15 s."""
        if self._is_radio_on:
            return
        self._radio.switch_on()
        self._is_radio_on = True
        end_ms = time.ticks_add(time.ticks_ms(), CONNECT_MS_MAX)
        while not self._radio.is_connected() and time.ticks_diff(end_ms, time.ticks_ms()) > 0:
            self._watchdog.feed()
            time.sleep_ms(50)


def _access_point(store):
    """Return (ssid, password), or None if nobody has provisioned the node yet."""
    data = store.read(WLAN_KEY)
    if data is None:
        return None
    try:
        access = cbor.decode(data)
        return access["ssid"], access["password"]
    except (DecodeError, KeyError, TypeError):
        return None
