"""Fires in bins: which were told, how soon, and which alarms were none."""

from dataclasses import dataclass

from simulator.happenings import TruthChanged
from simulator.result import Score
from simulator.scoring.figures import HOUR_US, SECOND_US, quantile

# What a fire leaves is hot for so long: an alarm then is late, not false.
GLOW_US = HOUR_US


@dataclass(slots=True)
class _Fire:
    begun_us: int
    ended_us: int | None = None
    is_told: bool = False


class FireScore:
    """Follows every bin that burns or says so."""

    def __init__(self) -> None:
        self._fires: dict[str, list[_Fire]] = {}
        self._is_alarm: dict[str, bool] = {}
        self._false = 0
        self._latencies_s: list[float] = []

    def change(self, changed: TruthChanged) -> None:
        """Take a fire that began or ended."""
        fires = self._fires.setdefault(changed.place, [])
        if changed.value > 0:
            fires.append(_Fire(changed.time_us))
        elif fires:
            fires[-1].ended_us = changed.time_us

    def reading(self, endpoint: str, value: bool, time_us: int) -> None:
        """Take what a node says of 3435/0/22."""
        was_alarm = self._is_alarm.get(endpoint, False)
        self._is_alarm[endpoint] = bool(value)
        if was_alarm or not value:
            return
        fires = self._fires.get(endpoint)
        fire = fires[-1] if fires else None
        if fire is None or fire.ended_us is not None and time_us - fire.ended_us > GLOW_US:
            self._false += 1
        elif not fire.is_told:
            fire.is_told = True
            self._latencies_s.append((time_us - fire.begun_us) / SECOND_US)

    def end(self, time_us: int) -> list[Score]:
        """Return the scores; a fire that began within the last minutes is no missed one."""
        fires = [fire for each in self._fires.values() for fire in each]
        over = [fire for fire in fires if fire.is_told or fire.ended_us is not None]
        missed = sum(not fire.is_told for fire in over)
        scores = [Score("false fire alarms", float(self._false), "", f"{len(fires)} fires")]
        if over:
            scores.append(Score("fires missed", float(missed), "", f"of {len(over)}"))
        if self._latencies_s:
            scores.append(Score(
                "a fire is known at the node, median", quantile(self._latencies_s, 0.5), "s",
                f"the latest after {max(self._latencies_s):.0f} s"))
        return scores
