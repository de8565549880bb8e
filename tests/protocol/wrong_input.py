"""Bytes that no peer should send, to show that a parser lets only its own errors out."""

from protocol.errors import ProtocolError
from tests.portable import seeded_bytes


def assert_only_protocol_errors(decode, valid, count=600):
    """Feed `decode` random bytes, and each of the `valid` messages damaged, `count` times each."""
    for seed in range(count):
        _try(decode, seeded_bytes(seed * 2654435761, seed % 48))
    for message in valid:
        _try(decode, message)
        for seed in range(count):
            _try(decode, damaged(message, seed))


def damaged(message, seed):
    """Return `message` with bytes changed, cut off, removed or put in, as `seed` decides."""
    noise = seeded_bytes(seed * 2246822519 + len(message), 8)
    data = bytearray(message)
    for step in range(1 + noise[0] % 3):
        at = (noise[step + 1] << 8 | noise[step + 2]) % (len(data) + 1)
        kind = noise[step + 4] % 4
        if kind == 0:
            data = data[:at] + bytes([noise[step + 3]]) + data[at + 1 :]
        elif kind == 1:
            data = data[:at] + data[at + 1 :]
        elif kind == 2:
            data = data[:at] + noise[step : step + 2] + data[at:]
        else:
            data = data[:at]
    return bytes(data)


def _try(decode, data):
    try:
        decode(data)
    except ProtocolError:
        pass
    except Exception as error:
        raise AssertionError("%r for %r" % (error, data))
