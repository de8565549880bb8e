"""AES-128 for the portable tests: MicroPython's own, or that of `cryptography`."""

try:
    from firmware.adapters.aes import aes
except ImportError:
    from simulator.aes import aes

__all__ = ("aes",)
