"""A node as a process, on MicroPython's unix port or on CPython."""

import json
import os
import sys

from firmware.adapters.file_store import FileStore
from firmware.journal import ReadingDropped, ReadingsAcknowledged, ReadingTaken
from firmware.lwm2m_client import Registered, RegistrationLost, RegistrationRefused, Stopped

WLAN_BEARER = 21

try:
    from firmware.adapters.aes import aes
except ImportError:
    # CPython has no cryptolib.
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES128
    from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB

    def aes(key, data, is_chained):
        """Return `data` of whole blocks encrypted."""
        encryptor = Cipher(AES128(key), CBC(bytes(16)) if is_chained else ECB()).encryptor()
        return encryptor.update(data)

# Spelt out: the classes of a compiled image have short names of their own.
EVENT_NAMES = {
    ReadingDropped: "ReadingDropped",
    ReadingTaken: "ReadingTaken",
    ReadingsAcknowledged: "ReadingsAcknowledged",
    Registered: "Registered",
    RegistrationLost: "RegistrationLost",
    RegistrationRefused: "RegistrationRefused",
    Stopped: "Stopped",
}


class RestartWanted(BaseException):
    """The node asked for a reset: the process ends and whoever started it starts it again.

    No Exception, which the runner would take for a bug and go on after.
    """


class UnixBoard:
    """The parts of a board that a process has; a simulated furniture adds its roles."""

    name = model = "UNIX"
    hardware_version = "1"
    reset_cause = "power"
    dimmer = meter = photocell = motion = None
    rangefinder = accelerometer = thermometer = battery = None
    loops = ()
    journal_segments = 64
    journal_writes_per_hour = 3600
    journal_writes_burst = 60
    energy_save_interval_s = 60

    def __init__(self, furniture, mac, state_folder):
        self.furniture = furniture
        self.mac = mac
        self.store = FileStore(state_folder)
        self.random_bytes = os.urandom
        self.aes = aes
        self.watchdog = NoWatchdog()
        self.radio = LoopbackRadio()

    def reset(self):
        """End the process; the runner passes this on."""
        raise RestartWanted()


class NoWatchdog:
    """Nothing bites a process: its parent watches it."""

    def feed(self):
        """Do nothing."""


class LoopbackRadio:
    """A network that is always there."""

    bearer = WLAN_BEARER

    def rssi_dbm(self):
        return -55

    def link_quality(self):
        return 90

    def ip_addresses(self):
        return ("127.0.0.1",)

    def router_addresses(self):
        return ()


def interrupt_on_sigterm():
    """Let SIGTERM say goodbye too, where the port has signals."""
    try:
        import signal
    except ImportError:
        return

    def interrupt(number, frame):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def print_event(event):
    """Print an event of the node as one line of JSON: its name as `event`, and its fields."""
    line = {"event": EVENT_NAMES[type(event)]}
    for field in event._fields:
        line[field] = _plain(getattr(event, field))
    print_line(line)


def print_line(line):
    """Print a dict as one line of JSON, at once."""
    sys.stdout.write(json.dumps(line) + "\n")
    flush = getattr(sys.stdout, "flush", None)
    if flush:
        flush()


def print_error(error):
    """Print the traceback of a bug to stderr."""
    if hasattr(sys, "print_exception"):
        sys.print_exception(error, sys.stderr)
    else:
        sys.excepthook(type(error), error, error.__traceback__)


def _plain(value):
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, bytes):
        return value.hex()
    return value.to_text()
