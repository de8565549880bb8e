"""The gateway's clocks: an uptime that never steps, and a time of day that is trusted or not."""

import ctypes
import time
from typing import Protocol

# adjtimex(2): the answer while no time service disciplines the kernel clock.
TIME_ERROR = 5
# `struct timex` has 208 bytes on 64-bit Linux and fewer on others; all zero means "only ask".
TIMEX_SIZE_MAX = 512


class Clock(Protocol):
    """What the service asks of time; a simulation brings its own."""

    def monotonic_s(self) -> float:
        """Return the uptime in seconds; never steps. CoAP's timers run on it."""

    def unix_ms(self) -> int:
        """Return the time of day in Unix milliseconds; may step."""

    def is_trusted(self) -> bool:
        """Return whether `unix_ms` may be handed out to nodes and put into commands."""


class SystemClock:
    """The machine's clock, trusted as it is (`time = "system"`)."""

    def monotonic_s(self) -> float:
        """Return the machine's monotonic clock."""
        return time.monotonic()

    def unix_ms(self) -> int:
        """Return the machine's time of day."""
        return time.time_ns() // 1_000_000

    def is_trusted(self) -> bool:
        """Return True: the operator has said so."""
        return True


class NtpClock(SystemClock):
    """The machine's clock, trusted only while the kernel calls it synchronised (`time = "ntp"`).

    A Raspberry Pi has no battery-backed clock: it boots with the time of its last shutdown.
    """

    def is_trusted(self) -> bool:
        """Return whether a time service disciplines the kernel clock now."""
        return is_kernel_clock_synchronised()


class ScaledClock:
    """A time of day that runs `speed` times as fast, for demos; the uptime stays the machine's.

    At the machine's Unix time `real_s` it shows `shown_s`, so processes that get the same three
    numbers agree.
    """

    def __init__(self, real_s: int, shown_s: int, speed: int) -> None:
        self._real_ms = real_s * 1000
        self._shown_ms = shown_s * 1000
        self._speed = speed

    def monotonic_s(self) -> float:
        """Return the machine's monotonic clock, unscaled."""
        return time.monotonic()

    def unix_ms(self) -> int:
        """Return the scaled time of day."""
        elapsed_ms = time.time_ns() // 1_000_000 - self._real_ms
        return self._shown_ms + elapsed_ms * self._speed

    def is_trusted(self) -> bool:
        """Return True: nothing else knows this time."""
        return True


def is_kernel_clock_synchronised() -> bool:
    """Return what adjtimex(2) says; False where the system has no such call. Needs no rights."""
    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (AttributeError, OSError):
        return False
    return 0 <= adjtimex(ctypes.create_string_buffer(TIMEX_SIZE_MAX)) < TIME_ERROR
