"""Mains: circuits that are always on, or switched at the cabinet by the sun."""

import math
from collections.abc import Callable, Iterator

from simulator.world.crossings import Crossings
from simulator.world.process import Change


class Circuit:
    """A circuit: one conductor that is live while the grid feeds it, one that is switched too.

    `cabinet` is the sun as the cabinet of a switched circuit sees it; None for a permanent one.
    `turns`, from a file, are the grid's: an iterator of (moment, 1 or 0).
    """

    __slots__ = ("name", "next_s", "is_fed", "is_on", "_listeners", "_cabinet", "_turns",
                 "_next_fed")

    def __init__(self, name: str, cabinet: Crossings | None = None,
                 turns: Iterator[tuple[float, float]] | None = None) -> None:
        self.name = name
        self.is_fed = True
        self.is_on = cabinet is None or not cabinet.is_above
        # (whether on the switched conductor, what to call)
        self._listeners: list[tuple[bool, Callable[[bool], None]]] = []
        self._cabinet = cabinet
        self._turns = turns
        self._next_fed = (math.inf, 0.0)
        if turns is not None:
            self.is_fed = next(turns)[1] > 0
            self._next_fed = next(turns, (math.inf, 0.0))
        self._plan()

    def is_live(self, is_switched: bool = True) -> bool:
        """Tell whether a conductor has voltage."""
        return self.is_fed and (self.is_on or not is_switched)

    def listen(self, is_switched: bool, callback: Callable[[bool], None]) -> None:
        """Have `callback(is_live)` called when the voltage of a conductor comes or goes."""
        self._listeners.append((is_switched, callback))

    def hold(self) -> None:
        """Be live for good, whatever sun and grid do from now on."""
        self.is_fed = self.is_on = True
        self._cabinet, self._next_fed = None, (math.inf, 0.0)

    def step(self) -> Change | None:
        """Switch at `next_s`; return what changed for the lamps, None if nothing did."""
        was_live = self.is_live()
        now_s = self.next_s
        if self._next_fed[0] <= now_s:
            self.is_fed = self._next_fed[1] > 0
            self._next_fed = next(self._turns, (math.inf, 0.0))
        if self._cabinet is not None and self._cabinet.next_s <= now_s:
            self._cabinet.step()
            self.is_on = not self._cabinet.is_above
        self._plan()
        return None if self.is_live() == was_live else self.state()

    def state(self) -> Change:
        """Return how it stands for the lamps."""
        return self.name, "mains", float(self.is_live())

    def voltages(self) -> tuple[bool, bool]:
        """Return (whether the permanent conductor is live, whether the switched one is)."""
        return self.is_live(False), self.is_live(True)

    def tell_listeners(self, before: tuple[bool, bool]) -> None:
        """Call all for whom something changed since voltages() were `before`."""
        now = self.voltages()
        for is_switched, callback in self._listeners:
            if now[is_switched] != before[is_switched]:
                callback(now[is_switched])

    def _plan(self) -> None:
        cabinet_s = math.inf if self._cabinet is None else self._cabinet.next_s
        self.next_s = min(cabinet_s, self._next_fed[0])
