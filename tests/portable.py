"""What tests need that run on CPython and on MicroPython alike."""


def raises(error_class, function, *arguments):
    """Return the `error_class` that `function(*arguments)` raises; fail if it raises none."""
    try:
        function(*arguments)
    except error_class as error:
        return error
    raise AssertionError("%s not raised" % error_class.__name__)


def seeded_bytes(seed, count):
    """Return `count` bytes that depend on `seed` alone (a 32-bit linear congruential sequence)."""
    state = seed & 0xFFFFFFFF
    data = bytearray(count)
    for index in range(count):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        data[index] = state >> 24
    return bytes(data)
