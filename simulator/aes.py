"""AES-128 for nodes that run on this Python, as protocol/aes_ccm wants it."""

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB

_ECB = ECB()
# CCM chains from a block of zeros: the first block holds the nonce.
_CBC = CBC(bytes(16))


def aes(key: bytes, data: bytearray, is_chained: bool) -> bytes:
    """Return `data` of whole blocks encrypted."""
    encryptor = Cipher(AES128(key), _CBC if is_chained else _ECB).encryptor()
    return encryptor.update(data)
