"""AES-128 by the interpreter's own cryptolib, as protocol/aes_ccm wants it."""

import cryptolib

_ECB = 1
_CBC = 2


def aes(key, data, is_chained):
    """Encrypt the bytearray `data` of whole blocks in place, and return it."""
    if is_chained:
        cipher = cryptolib.aes(key, _CBC, bytes(16))
    else:
        cipher = cryptolib.aes(key, _ECB)
    cipher.encrypt(data, data)
    return data
