"""Light against the sun, and energy registers against the energy that was used."""

from collections.abc import Mapping
from dataclasses import dataclass

from simulator.happenings import LightSet, TruthChanged
from simulator.result import Score
from simulator.scoring.figures import DAY_US, HOUR_US
from simulator.world.layout import Site

FULL = 1000
MINUTE_US = 60_000_000


@dataclass(slots=True)
class _Lamp:
    name: str
    circuit: str
    watts: int
    permille: int = 0
    since_us: int = 0
    # Lit since before the sun rose.
    is_over_time: bool = False
    early_us: int = 0
    late_us: int = 0
    dark_us: int = 0
    # True energy, in mW times microseconds; and what it was when its register stood at 0.
    energy: int = 0
    base: int = 0
    register_wh: float | None = None
    register_at: int = 0


class LightScore:
    """Follows every lamp.

    Light is too early or too late while the sun is up: too late if it was lit when the sun rose.
    A lamp is dark at night where it has mains and gives no light, the sun below -6 degrees. In
    twilight, on or off is right. What the city commands is not excused: this is what people see.
    """

    def __init__(self, sites: Mapping[str, Site]) -> None:
        self._lamps = {endpoint: _Lamp(site.name, site.circuit, site.lamp_w)
                       for endpoint, site in sites.items() if site.furniture == "lamp"}
        self._is_up = self._is_night = False
        self._is_live: dict[str, bool] = {}

    def light(self, light: LightSet) -> None:
        """Take a change of a lamp's light."""
        lamp = self._lamps.get(light.endpoint)
        if lamp is not None:
            self._pass_time(lamp, light.time_us)
            lamp.permille = light.permille
            lamp.is_over_time = lamp.is_over_time and light.permille > 0

    def change(self, changed: TruthChanged) -> None:
        """Take sunrise, sunset, the ends of twilight, and mains."""
        for lamp in self._lamps.values():
            if changed.quantity != "mains" or lamp.circuit == changed.place:
                self._pass_time(lamp, changed.time_us)
                if changed.quantity == "sun":
                    lamp.is_over_time = changed.value > 0 and lamp.permille > 0
        if changed.quantity == "sun":
            self._is_up = changed.value > 0
        elif changed.quantity == "night":
            self._is_night = changed.value > 0
        else:
            self._is_live[changed.place] = changed.value > 0

    def register(self, endpoint: str, energy_wh: float, taken_us: int) -> None:
        """Take what a node says of 3418/0/6, and when it stood there."""
        lamp = self._lamps.get(endpoint)
        if lamp is None:
            return
        at = lamp.energy + lamp.watts * lamp.permille * (taken_us - lamp.since_us)
        if lamp.register_wh is not None and energy_wh < lamp.register_wh:
            # Somebody has reset it (3418/0/7), and what it shows was used since then.
            lamp.base = at - round(energy_wh * HOUR_US * FULL)
        lamp.register_wh, lamp.register_at = energy_wh, at

    def end(self, time_us: int) -> list[Score]:
        """Return the scores of a run that ends now."""
        lamps = list(self._lamps.values())
        if not lamps or not time_us:
            return []
        for lamp in lamps:
            self._pass_time(lamp, time_us)
        scores = [_minutes(name, lamps, field, time_us) for name, field in (
            ("light too early", "early_us"), ("light too late", "late_us"),
            ("dark at night", "dark_us"))]
        return scores + _energy(lamps)

    def _pass_time(self, lamp: _Lamp, now_us: int) -> None:
        passed_us = now_us - lamp.since_us
        lamp.since_us = now_us
        if lamp.permille:
            lamp.energy += lamp.watts * lamp.permille * passed_us
            if self._is_up:
                if lamp.is_over_time:
                    lamp.late_us += passed_us
                else:
                    lamp.early_us += passed_us
        elif self._is_night and self._is_live.get(lamp.circuit, True):
            lamp.dark_us += passed_us


def _minutes(name: str, lamps: list[_Lamp], field: str, time_us: int) -> Score:
    total_us = sum(getattr(lamp, field) for lamp in lamps)
    worst = max(lamps, key=lambda lamp: getattr(lamp, field))
    detail = f"{total_us / HOUR_US:.1f} h in all"
    if total_us:
        detail += f"; most at {worst.name}: {getattr(worst, field) / MINUTE_US:.1f} min"
    per_day = total_us / MINUTE_US / len(lamps) / (time_us / DAY_US)
    return Score(name, per_day, "min per lamp and day", detail)


def _energy(lamps: list[_Lamp]) -> list[Score]:
    told = [(lamp, lamp.register_wh, (lamp.register_at - lamp.base) / (HOUR_US * FULL))
            for lamp in lamps if lamp.register_wh is not None]
    true_wh = sum(wh for _, _, wh in told)
    if not true_wh:
        return []
    register_wh = sum(wh for _, wh, _ in told)
    worst, shown_wh, used_wh = max(told, key=lambda each: abs(each[1] - each[2]))
    return [Score(
        "energy registers against the energy used", 100 * (register_wh - true_wh) / true_wh, "%",
        f"{register_wh:.1f} Wh shown, {true_wh:.1f} Wh used; "
        f"most off {worst.name}: {shown_wh - used_wh:+.1f} of {used_wh:.1f} Wh")]
