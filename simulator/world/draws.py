"""Random numbers by name: what is drawn depends on who asks and how often, never on others.

Also noise that is a function of time, so that a sensor's scatter does not depend on how often it
was read before.
"""

import random

_NOISE_LENGTH = 4096


def draw(seed: int, what: str, who: str | int, step: int) -> random.Random:
    """Return the generator of the `step`-th turn of `what` at `who`, made anew each time.

    Ten thousands of generators would take 2.5 KB each; one for each turn takes 12 us.
    """
    return random.Random(f"{seed}/{what}/{who}/{step}")


class Noise:
    """Normally distributed scatter with mean 0 and deviation 1."""

    def __init__(self, seed: int) -> None:
        rng = random.Random(f"{seed}/noise")
        self._values = tuple(rng.gauss(0, 1) for _ in range(_NOISE_LENGTH))

    def at(self, salt: int, now_s: float) -> float:
        """Return the scatter at a moment, to the millisecond; each sensor has its own `salt`."""
        # Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4).
        mixed = int(now_s * 1000) * 2654435761 + salt * 2246822519 & 0xFFFFFFFF
        return self._values[mixed >> 20]
