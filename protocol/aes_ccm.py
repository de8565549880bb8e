"""AES-CCM-16-64-128, the AEAD algorithm 10 of COSE (RFC 9053 4.2; CCM itself: RFC 3610).

`aes(key, data, is_chained)` is AES-128 encryption over `data`, a bytearray of whole 16-byte
blocks that it may overwrite, returned as bytes or bytearray: each block by itself, or chained
(CBC) from a block of zeros.
"""

from protocol.errors import EncodeError, SecurityError

KEY_LENGTH = 16
NONCE_LENGTH = 13
TAG_LENGTH = 8
PLAINTEXT_LENGTH_MAX = 65535

# Flags of the first block: associated data, a tag of 8 bytes, lengths of 2 (RFC 3610 2.2).
_FIRST_FLAGS = b"\x59"
_COUNTER_FLAGS = b"\x01"
_BLOCK = 16


def encrypt(aes, key, nonce, aad, plaintext):
    """Return the ciphertext of `plaintext` and its tag, 8 bytes longer than this.

    `key` 16 bytes, `nonce` 13, `aad` 1 to 65,279. Raises EncodeError for a plaintext beyond
    65,535 bytes.
    """
    if len(plaintext) > PLAINTEXT_LENGTH_MAX:
        raise EncodeError("plaintext too long")
    mac = _mac(aes, key, nonce, aad, plaintext)
    whole = _keyed(aes, key, nonce, mac + plaintext)
    return whole[_BLOCK:] + whole[:TAG_LENGTH]


def decrypt(aes, key, nonce, aad, ciphertext):
    """Return the plaintext of what encrypt() returned; SecurityError if it is not authentic."""
    length = len(ciphertext) - TAG_LENGTH
    if not 0 <= length <= PLAINTEXT_LENGTH_MAX:
        raise SecurityError("not authentic")
    # The tag stands at the end, but its key stream is that of the first block.
    whole = _keyed(aes, key, nonce, ciphertext[length:] + bytes(TAG_LENGTH) + ciphertext[:length])
    plaintext = whole[_BLOCK:]
    mac = _mac(aes, key, nonce, aad, plaintext)
    # As numbers: no comparison that stops at the first byte that differs.
    if int.from_bytes(mac[:TAG_LENGTH], "big") ^ int.from_bytes(whole[:TAG_LENGTH], "big"):
        raise SecurityError("not authentic")
    return plaintext


def _mac(aes, key, nonce, aad, plaintext):
    """Return the last block of the CBC over lengths, associated data and plaintext."""
    blocks = bytearray(_FIRST_FLAGS)
    blocks.extend(nonce)
    blocks.extend(len(plaintext).to_bytes(2, "big"))
    blocks.extend(len(aad).to_bytes(2, "big"))
    blocks.extend(aad)
    blocks.extend(bytes(-len(blocks) % _BLOCK))
    blocks.extend(plaintext)
    blocks.extend(bytes(-len(blocks) % _BLOCK))
    return bytes(aes(key, blocks, True)[-_BLOCK:])


def _keyed(aes, key, nonce, data):
    """Return `data` XOR the key stream, that of the tag's block first."""
    length = len(data)
    counters = bytearray()
    for counter in range((length + _BLOCK - 1) // _BLOCK):
        counters.extend(_COUNTER_FLAGS)
        counters.extend(nonce)
        counters.extend(counter.to_bytes(2, "big"))
    stream = int.from_bytes(aes(key, counters, False)[:length], "big")
    return (stream ^ int.from_bytes(data, "big")).to_bytes(length, "big")
