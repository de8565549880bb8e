"""The filling level that bins tell, against what is in them at that moment."""

from collections import Counter, deque

from simulator.happenings import TruthChanged
from simulator.result import Score

# The last levels of a bin: a measurement is told moments after it was made.
LEVELS_KEPT = 16
# Errors are counted in tenths of a percentage point.
STEPS_PER_POINT = 10


class FillingScore:
    """Follows every bin's contents."""

    def __init__(self) -> None:
        self._levels: dict[str, deque[tuple[int, float]]] = {}
        self._errors: Counter[int] = Counter()
        self._sum = self._highest = 0.0

    def change(self, changed: TruthChanged) -> None:
        """Take a bag that fell in, or a truck that came."""
        levels = self._levels.get(changed.place)
        if levels is None:
            levels = self._levels[changed.place] = deque(maxlen=LEVELS_KEPT)
        levels.append((changed.time_us, changed.value))

    def reading(self, endpoint: str, percent: float, taken_us: int) -> None:
        """Take what a node says of 3435/0/2, and when it measured it."""
        for since_us, truth in reversed(self._levels.get(endpoint, ())):
            if since_us <= taken_us:
                error = abs(percent - truth)
                self._errors[round(error * STEPS_PER_POINT)] += 1
                self._sum += error
                self._highest = max(self._highest, error)
                return

    def end(self, time_us: int) -> list[Score]:
        """Return the score, if any bin said anything."""
        count = self._errors.total()
        if not count:
            return []
        left, within = 0.95 * count, 0
        for step in sorted(self._errors):
            within = step
            left -= self._errors[step]
            if left <= 0:
                break
        return [Score(
            "error of the filling level, mean", self._sum / count, "points",
            f"{count} readings; 95 % within {within / STEPS_PER_POINT:.1f}, "
            f"the worst off by {self._highest:.1f}")]
