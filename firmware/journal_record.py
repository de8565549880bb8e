"""A record of the journal: a batch of readings of one boot, as bytes that prove themselves.

    length 2 | CRC-32 4 | boot 4 | first sequence 4 | boot's Unix time, ms 8 | count 1 | readings

Numbers are big-endian; length and CRC are those of all that follows the CRC. The readings are a
CBOR sequence (RFC 8742) of [uptime in ms, path, value], numbered one by one from the first. A
first sequence of 0 says that they have no numbers; a boot's time of 0, that it was not known.
"""

import struct
from binascii import crc32

from protocol import cbor
from protocol.data_types import ObjectLink

READINGS_MAX = 255

_PROOF = ">HI"
_PROOF_LENGTH = 6
_BODY = ">IIQB"
_BODY_LENGTH = 17


class Reading:
    """A value that a resource had at an uptime of a boot.

    `boot` and `sequence` are None where there was no number to give. `boot_unix_ms` is 0 where
    that was not known when the record was written. `length` is about that in the record, `lane`
    the firmware.journal_lane.Lane that it waits in.
    """

    _fields = ("boot", "sequence", "path", "value", "uptime_ms", "boot_unix_ms", "length")
    lane = None

    def __init__(self, boot, sequence, path, value, uptime_ms, boot_unix_ms, length):
        self.boot = boot
        self.sequence = sequence
        self.path = path
        self.value = value
        self.uptime_ms = uptime_ms
        self.boot_unix_ms = boot_unix_ms
        self.length = length


def encode_reading(path, value, uptime_ms):
    """Return one reading's bytes."""
    if isinstance(value, ObjectLink):
        value = [value.object_id, value.instance_id]
    return cbor.encode([uptime_ms, path, value])


def encode(boot, first, boot_unix_ms, readings):
    """Return the record of `readings`, a list of 1 to READINGS_MAX encoded ones."""
    body = struct.pack(_BODY, boot, first, boot_unix_ms, len(readings)) + b"".join(readings)
    return struct.pack(_PROOF, len(body), crc32(body)) + body


def scan(data):
    """Give (boot, first, boot_unix_ms, count, start, end) of each whole record in order.

    Its readings are data[start:end]. Gives None in place of each stretch of bytes that is none.
    """
    position = 0
    is_lost = False
    while position < len(data):
        end = _end(data, position)
        if end is None:
            if not is_lost:
                yield None
            is_lost = True
            position += 1
        else:
            is_lost = False
            start = position + _PROOF_LENGTH
            yield struct.unpack_from(_BODY, data, start) + (start + _BODY_LENGTH, end)
            position = end


def readings(data, record):
    """Give the Readings of a record that scan() found in `data`; raises DecodeError."""
    boot, sequence, boot_unix_ms, count, start, end = record
    is_numbered = sequence > 0
    for uptime_ms, path, value in cbor.decode_sequence(data[start:end]):
        if isinstance(value, list):
            value = ObjectLink(*value)
        yield Reading(boot if is_numbered else None, sequence if is_numbered else None,
                      tuple(path), value, uptime_ms, boot_unix_ms, (end - start) // count)
        sequence += is_numbered


def _end(data, position):
    """Return where the record at `position` ends, None if there is no whole one."""
    start = position + _PROOF_LENGTH
    if start + _BODY_LENGTH > len(data):
        return None
    length, crc = struct.unpack_from(_PROOF, data, position)
    end = start + length
    if length <= _BODY_LENGTH or end > len(data) or crc32(memoryview(data)[start:end]) != crc:
        return None
    return end
