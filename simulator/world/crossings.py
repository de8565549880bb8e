"""The sun as it passes a height: day and night, and what a cabinet switches by."""

from collections.abc import Callable

from simulator.world.process import Change


class Crossings:
    """When the sun passes a height: `is_above` until `next_s`.

    `next_crossing(now_s)` gives (moment, whether it rises) or None for the days to come.
    """

    __slots__ = ("name", "quantity", "is_above", "next_s", "_next_crossing", "_is_change",
                 "_is_inverse")

    def __init__(self, name: str, quantity: str, is_above: bool,
                 next_crossing: Callable[[float], tuple[float, bool] | None],
                 is_inverse: bool = False) -> None:
        self.name = name
        self.quantity = quantity
        self.is_above = is_above
        self._next_crossing = next_crossing
        self._is_inverse = is_inverse
        self._plan(0.0)

    def step(self) -> Change | None:
        """Let the sun pass; None where it only was time to look again."""
        if self._is_change:
            self.is_above = not self.is_above
        is_change = self._is_change
        self._plan(self.next_s)
        return self.state() if is_change else None

    def state(self) -> Change:
        """Return how it stands."""
        return self.name, self.quantity, float(self.is_above != self._is_inverse)

    def _plan(self, now_s: float) -> None:
        found = self._next_crossing(now_s)
        # Above already and rising: a grazing sun's crossings may come out of step.
        self._is_change = found is not None and found[1] != self.is_above
        self.next_s = found[0] if found is not None else round(now_s + 86400, 3)
