"""Base64 and its form for URLs (RFC 4648 sections 4 and 5), strict on both interpreters."""

import binascii

from protocol.errors import DecodeError


def encode(data):
    """Return `data` in base64 with padding, as str."""
    return str(binascii.b2a_base64(data), "ascii").strip()


def encode_url(data):
    """Return `data` in base64url without padding, as str."""
    return encode(data).replace("+", "-").replace("/", "_").rstrip("=")


def decode(text):
    """Return the bytes that `text` holds in base64, padded or not; raises DecodeError."""
    bare = text.rstrip("=")
    for each in bare:
        if not ("a" <= each <= "z" or "A" <= each <= "Z" or "/" <= each <= "9" or each == "+"):
            raise DecodeError("not base64")
    padding = -len(bare) % 4
    if padding == 3 or len(text) - len(bare) not in (0, padding):
        raise DecodeError("not base64")
    return binascii.a2b_base64(bare + "=" * padding)


def decode_url(text):
    """Return the bytes that `text` holds in base64url, padded or not; raises DecodeError."""
    if "+" in text or "/" in text:
        raise DecodeError("not base64url")
    return decode(text.replace("-", "+").replace("_", "/"))
