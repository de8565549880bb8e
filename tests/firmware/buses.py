"""Buses that hold a driver to a script, byte for byte."""


class ScriptedI2C:
    """A machine.I2C whose transfers must come as the script lists them.

    A step is ("r", address, register, answer) or ("w", address, register, data); an answer of None
    is a chip that does not acknowledge.
    """

    def __init__(self, *steps):
        self._steps = list(steps)

    def readfrom_mem_into(self, address, register, buffer):
        kind, expected_address, expected_register, answer = self._steps.pop(0)
        assert (kind, expected_address, expected_register) == ("r", address, register)
        if answer is None:
            raise OSError(19)
        assert len(answer) == len(buffer)
        buffer[:] = answer

    def writeto_mem(self, address, register, data):
        assert self._steps.pop(0) == ("w", address, register, bytes(data))

    @property
    def is_done(self):
        return not self._steps


class ScriptedUart:
    """A machine.UART that gives one chunk per read (None: nothing came)."""

    def __init__(self, *chunks):
        self._chunks = list(chunks)
        self.written = b""

    def read(self):
        return self._chunks.pop(0) if self._chunks else None

    def write(self, data):
        self.written += data


class FakePin:
    def __init__(self, level=0):
        self.level = level

    def value(self, level=None):
        if level is None:
            return self.level
        self.level = level
