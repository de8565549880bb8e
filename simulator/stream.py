"""Carries what happens in a run to whoever wants to hear of it, in the order of their coming."""

from collections import defaultdict
from collections.abc import Callable, Iterable

from simulator.happenings import Happening

Take = Callable[[Happening], None]


class Stream:
    """One run's stream of happenings; `tell` is what every part of the run is given."""

    def __init__(self) -> None:
        self._takers: defaultdict[type, list[Take]] = defaultdict(list)

    def subscribe(self, kinds: Iterable[type], take: Take) -> None:
        """Hand every happening of these kinds to `take`."""
        for kind in kinds:
            self._takers[kind].append(take)

    def subscribe_all(self, take: Take) -> None:
        """Hand every happening to `take`, before all who ask later."""
        self.subscribe(Happening.__args__, take)

    def close(self) -> None:
        """Carry nothing any more: the run is over, what is cleared away is no part of it."""
        self._takers.clear()

    def tell(self, happening: Happening) -> None:
        """Hand a happening to all who asked for its kind, before this call returns."""
        for take in self._takers[type(happening)]:
            take(happening)
