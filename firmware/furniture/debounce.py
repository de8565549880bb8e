"""A flag that needs several samples in a row to rise, and as many to fall: hysteresis in time."""

SAMPLES = 3


class Debounced:
    """`is_set` follows what update() is told, SAMPLES samples late."""

    def __init__(self):
        self.is_set = False
        self._count = 0

    def is_idle(self):
        """Return whether the flag is down, and no sample speaks for it."""
        return not self.is_set and self._count == 0

    def update(self, is_bad, is_good):
        """Take a sample in; return whether the flag changed. Between bad and good it stays."""
        if not (is_good if self.is_set else is_bad):
            self._count = 0
            return False
        self._count += 1
        if self._count < SAMPLES:
            return False
        self._count = 0
        self.is_set = not self.is_set
        return True
