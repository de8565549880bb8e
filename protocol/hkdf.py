"""HKDF over HMAC-SHA-256: keys from a secret (RFC 5869, RFC 2104)."""

from hashlib import sha256

HASH_LENGTH = 32
_BLOCK = 64


def hkdf_sha256(salt, secret, info, length):
    """Return `length` bytes, at most 8,160, derived from `secret` for the use `info`."""
    return expand(extract(salt, secret), info, length)


def extract(salt, secret):
    """Return the pseudorandom key of `secret`, 32 bytes; no salt is an empty one."""
    return hmac_sha256(salt, secret)


def expand(key, info, length):
    """Return the first `length` bytes, at most 8,160, of the key material for `info`."""
    assert length <= 255 * HASH_LENGTH
    block = output = b""
    while len(output) < length:
        block = hmac_sha256(key, block + info + bytes((len(output) // HASH_LENGTH + 1,)))
        output += block
    return output[:length]


def hmac_sha256(key, data):
    """Return the 32 bytes of the HMAC of `data`."""
    if len(key) > _BLOCK:
        key = sha256(key).digest()
    number = int.from_bytes(key + bytes(_BLOCK - len(key)), "big")
    inner = sha256(_padded(number, b"\x36"))
    inner.update(data)
    outer = sha256(_padded(number, b"\x5c"))
    outer.update(inner.digest())
    return outer.digest()


def _padded(key, byte):
    return (key ^ int.from_bytes(byte * _BLOCK, "big")).to_bytes(_BLOCK, "big")
