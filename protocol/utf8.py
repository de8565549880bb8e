"""Text of the wire: UTF-8 to the letter (RFC 3629).

MicroPython's own check accepts overlong forms, surrogates and what lies beyond U+10FFFF.
"""

from protocol.errors import DecodeError


def decode(data):
    """Return the str that the bytes `data` hold; raises DecodeError if they are not UTF-8."""
    index = 0
    while index < len(data):
        index += 1 if data[index] < 0x80 else _sequence_length(data, index)
    return str(data, "utf-8")


def _sequence_length(data, index):
    lead = data[index]
    length = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    if not 0xC2 <= lead <= 0xF4 or index + length > len(data):
        raise DecodeError("not UTF-8")
    # The second byte's range keeps out overlong forms, surrogates and the numbers above U+10FFFF.
    lowest = 0xA0 if lead == 0xE0 else 0x90 if lead == 0xF0 else 0x80
    highest = 0x9F if lead == 0xED else 0x8F if lead == 0xF4 else 0xBF
    for position in range(index + 1, index + length):
        if not lowest <= data[position] <= highest:
            raise DecodeError("not UTF-8")
        lowest, highest = 0x80, 0xBF
    return length
