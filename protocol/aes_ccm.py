"""AES-CCM-16-64-128, the AEAD algorithm 10 of COSE (RFC 9053 4.2; CCM itself: RFC 3610).

`aes(key, data, is_chained)` is AES-128 encryption over `data`, a bytearray of whole 16-byte
blocks that it may overwrite, returned as bytes or bytearray: each block by itself, or chained
(CBC) from a block of zeros.
"""

from struct import pack

from protocol.errors import EncodeError, SecurityError

KEY_LENGTH = 16
NONCE_LENGTH = 13
TAG_LENGTH = 8
PLAINTEXT_LENGTH_MAX = 65535

# Flags of the first block: associated data, a tag of 8 bytes, lengths of 2 (RFC 3610 2.2).
_FIRST_FLAGS = b"\x59"
_COUNTER_FLAGS = b"\x01"
_BLOCK = 16
# What is worked on at a time: a node has no room for many copies of a long message.
_PIECE = 256


def encrypt(aes, key, nonce, aad, plaintext):
    """Return the ciphertext of `plaintext` and its tag, 8 bytes longer than this.

    `key` 16 bytes, `nonce` 13, `aad` 1 to 65,279. Raises EncodeError for a plaintext beyond
    65,535 bytes.
    """
    length = len(plaintext)
    if length > PLAINTEXT_LENGTH_MAX:
        raise EncodeError("plaintext too long")
    mac = _mac(aes, key, nonce, aad, plaintext)
    tag, ciphertext = _keyed(aes, key, nonce, mac, plaintext, length)
    return ciphertext + tag


def decrypt(aes, key, nonce, aad, ciphertext):
    """Return the plaintext of what encrypt() returned; SecurityError if it is not authentic."""
    length = len(ciphertext) - TAG_LENGTH
    if not 0 <= length <= PLAINTEXT_LENGTH_MAX:
        raise SecurityError("not authentic")
    tag = ciphertext[length:] + bytes(_BLOCK - TAG_LENGTH)
    tag, plaintext = _keyed(aes, key, nonce, tag, ciphertext, length)
    mac = _mac(aes, key, nonce, aad, plaintext)
    # As a number: no comparison that stops at the first byte that differs.
    if int.from_bytes(_xor(mac[:TAG_LENGTH], tag), "big"):
        raise SecurityError("not authentic")
    return plaintext


def _mac(aes, key, nonce, aad, plaintext):
    """Return the last block of the CBC over lengths, associated data and plaintext."""
    piece = bytearray(_FIRST_FLAGS + nonce + pack(">HH", len(plaintext), len(aad)) + aad)
    piece.extend(bytes(-len(piece) % _BLOCK))
    piece.extend(plaintext[:_PIECE])
    piece.extend(bytes(-len(piece) % _BLOCK))
    mac = aes(key, piece, True)[-_BLOCK:]
    for start in range(_PIECE, len(plaintext), _PIECE):
        piece = bytearray(plaintext[start : start + _PIECE])
        piece.extend(bytes(-len(piece) % _BLOCK))
        # `aes` chains from zeros: what came before goes in here.
        piece[:_BLOCK] = _xor(piece[:_BLOCK], mac)
        mac = aes(key, piece, True)[-_BLOCK:]
    return bytes(mac)


def _keyed(aes, key, nonce, block, data, length):
    """Return (tag, result): `block` and the first `length` bytes of `data` XOR the key stream."""
    pieces = []
    for start in range(-_BLOCK, length, _PIECE):
        piece = data[max(0, start) : min(start + _PIECE, length)]
        if start < 0:
            piece = block + piece
        count = (len(piece) + _BLOCK - 1) // _BLOCK
        first = pack(">H", (start + _BLOCK) // _BLOCK)
        counters = bytearray((_COUNTER_FLAGS + nonce + first) * count)
        # A piece has 16 blocks, so a counter differs from the first in its last 4 bits alone.
        for index in range(1, count):
            counters[_BLOCK * index + 15] |= index
        pieces.append(_xor(piece, aes(key, counters, False)[: len(piece)]))
    tag = pieces[0][:TAG_LENGTH]
    pieces[0] = pieces[0][_BLOCK:]
    return tag, b"".join(pieces)


def _xor(one, other):
    number = int.from_bytes(one, "big") ^ int.from_bytes(other, "big")
    return number.to_bytes(len(one), "big")
