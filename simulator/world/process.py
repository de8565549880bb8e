"""What goes on in the world by itself: a lazy sequence of changes, each at its own moment."""

from typing import Protocol

Change = tuple[str, str, float]
"""What became different: (place, quantity, value), as TruthChanged has it."""


class Process(Protocol):
    """Stands as it is until `next_s` of the run (infinity: for ever), in whole milliseconds."""

    next_s: float

    def step(self) -> Change | None:
        """Do what is due at `next_s`, and move `next_s` on; None if nobody sees a difference."""
