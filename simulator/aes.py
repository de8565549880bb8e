"""AES-128 for nodes that run on this Python, as protocol/aes_ccm wants it."""

from firmware.adapters.unix import aes

__all__ = ("aes",)
