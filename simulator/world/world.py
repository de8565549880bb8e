"""The world of a district: it knows the truth that sensors only measure.

Everything in it is a function of its seed and of time, whoever looks and whenever. Sensors pull
the truth at the moment they read. What changes by itself is also told, as TruthChanged in the
order of its moments, never later than somebody could see it: a run sets one timer to
`next_change_us()`, calls `advance()` there, and sets it anew.
"""

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from simulator.happenings import LightSet, Tell, TruthChanged
from simulator.world import sun
from simulator.world.bay import Bay
from simulator.world.crossings import Crossings
from simulator.world.draws import Noise, draw
from simulator.world.layout import Site
from simulator.world.local_time import LocalTime
from simulator.world.luminaire import FULL, Luminaire
from simulator.world.mains import Circuit
from simulator.world.passers import Passers
from simulator.world.places import Place
from simulator.world.process import Change, Process
from simulator.world.replay import EVERYWHERE, Replay, Track
from simulator.world.waste import Bin, Fill, Fire, Knocks
from simulator.world.weather import Weather

# Civil twilight ends here: from then on a dark street is dark.
NIGHT_DEGREES = -6.0
# A cabinet switches when its photocell has seen the sun so low, each a little differently.
CABINET_DEGREES, CABINET_SPREAD = -3.0, 0.5
METER_SPREAD = 0.004
NOMINAL_MV, VOLTAGE_SPREAD_MV = 230_000, 2_500
VOLTAGE_STEP_S = 10


@dataclass(frozen=True, slots=True)
class WorldSettings:
    """How the world is: its sky (weather.SKIES), and how busy it is, 1.0 being as usual.

    `fires_per_day` and `knocks_per_day` are those of each bin. `battery_percent` are the least
    and the most that a battery has left at the start. `replay` takes the model's place.
    """

    weather: str = "mixed"
    warmer_k: float = 0.0
    traffic: float = 1.0
    arrivals: float = 1.0
    waste: float = 1.0
    fires_per_day: float = 0.0
    knocks_per_day: float = 0.0
    battery_percent: tuple[int, int] = (40, 100)
    replay: Replay | None = None


class World:
    """The truth about `sites`, at `place` from `start_unix_s` on.

    `now_s()` gives the seconds of the run, from 0.0 up. By endpoint: `lamps`, `bins`, `bays`
    (a tuple), `passers`; by name: `circuits`.
    """

    def __init__(self, seed: int, start_unix_s: float, place: Place, sites: Sequence[Site],
                 settings: WorldSettings, now_s: Callable[[], float], tell: Tell) -> None:
        self.seed = seed
        self.start_unix_s = start_unix_s
        self.place = place
        self.sites = tuple(sites)
        self.settings = settings
        self.now_s = now_s
        self.next_s = 0.0
        self._tell = tell
        self._is_begun = False
        # The moment that is told just now.
        self._at_s: float | None = None
        self.noise = Noise(seed)
        self._voltages = {phase: (-1.0, NOMINAL_MV) for phase in (1, 2, 3)}
        self.local = LocalTime(start_unix_s, place.timezone)
        self.weather = Weather(seed, start_unix_s, place, settings.weather, settings.warmer_k)
        if settings.replay is not None:
            self.weather.replay(*(settings.replay.track((EVERYWHERE,), quantity)
                                  for quantity in ("lux", "temperature")))
        self.sun = self._crossings("sun", sun.HORIZON_DEGREES, place.name)
        self.night = self._crossings("night", NIGHT_DEGREES, place.name, is_inverse=True)
        self._is_switched = any(site.is_switched for site in sites)
        self.circuits: dict[str, Circuit] = {}
        self.lamps: dict[str, Luminaire] = {}
        self.bins: dict[str, Bin] = {}
        self.bays: dict[str, tuple[Bay, ...]] = {}
        self.passers: dict[str, Passers] = {}
        self._processes: list[Process] = [self.sun, self.night]
        for site in self.sites:
            self._add(site)
        # Of one moment the first in the list goes first: mains before what depends on them.
        self._due = [(process.next_s, index) for index, process in enumerate(self._processes)]
        heapq.heapify(self._due)

    def unix_s(self) -> float:
        """Return the true time."""
        return self.start_unix_s + self.now_s()

    def next_change_us(self) -> int:
        """Return the moment of the run at which advance() has something to do."""
        return round(self.next_s * 1e6) if self.next_s < math.inf else 1 << 62

    def advance(self) -> None:
        """Do and tell everything that is due up to now, in the order of its moments.

        The first call tells how everything stands at the start. Who is told may look at the
        world: it stands as at the moment that is told.
        """
        if self._at_s is not None:
            return
        now_s = self.now_s()
        if not self._is_begun:
            self._begin()
        while self._due[0][0] <= now_s:
            at_s, index = self._due[0]
            self._at_s = at_s
            process = self._processes[index]
            voltages = process.voltages() if isinstance(process, Circuit) else None
            change = process.step()
            assert at_s <= process.next_s == round(process.next_s, 3), change
            heapq.heapreplace(self._due, (process.next_s, index))
            if change is not None:
                self._say(at_s, change)
            if voltages is not None:
                process.tell_listeners(voltages)
            self._at_s = None
        self.next_s = self._due[0][0]

    def look(self) -> float:
        """Return now, with the world brought up to it: what each sensor does before it reads."""
        now_s = self.now_s()
        if now_s >= self.next_s:
            self.advance()
        return now_s

    def track(self, site: Site, quantity: str) -> Track | None:
        """Return what the file has of a site's quantity; None: the model holds."""
        replay = self.settings.replay
        return replay and replay.track((site.name, site.endpoint), quantity)

    def mains(self, site: Site) -> bool:
        """Tell whether a site has voltage; one on no circuit has a battery."""
        return not site.circuit or self.circuits[site.circuit].is_live(site.is_switched)

    def set_mains(self, circuit: str, is_fed: bool) -> None:
        """Take the grid's supply from a circuit, or give it back; its cabinet stands as before."""
        def feed() -> None:
            self.circuits[circuit].is_fed = is_fed

        self._switch(circuit, feed)

    def hold_mains(self) -> None:
        """Give every circuit voltage for good, by day too: a run is drained with the light on."""
        for name, circuit in self.circuits.items():
            self._switch(name, circuit.hold)

    def on_mains(self, site: Site, callback: Callable[[bool], None]) -> None:
        """Have `callback(is_live)` called whenever a site's voltage comes or goes.

        The lamps themselves have heard of it before.
        """
        if site.circuit:
            self.circuits[site.circuit].listen(site.is_switched, callback)

    def circuits_of(self, target: str) -> tuple[str, ...]:
        """Return the circuits of "circuit 3", "street 2", a node's name, or "all"."""
        if target in self.circuits:
            return (target,)
        found = (site.circuit for site in self.sites
                 if site.circuit and target in (site.street, site.name, site.endpoint, EVERYWHERE))
        return tuple(self.circuits) if target == EVERYWHERE else tuple(dict.fromkeys(found))

    def daylight_lux(self) -> float:
        """Return the daylight on the ground."""
        return self.weather.daylight_lux(self.look())

    def _add(self, site: Site) -> None:
        if site.circuit:
            self._add_circuit(site)
        if site.furniture == "lamp":
            self._add_lamp(site)
        elif site.furniture == "bin":
            self._add_bin(site)
        else:
            self._add_bays(site)

    def _add_circuit(self, site: Site) -> None:
        if site.circuit in self.circuits:
            return
        cabinet = None
        if self._is_switched:
            low = draw(self.seed, "cabinet", site.circuit, 0).gauss(
                CABINET_DEGREES, CABINET_SPREAD)
            cabinet = self._crossings("cabinet", low, site.circuit)
        replay = self.settings.replay
        track = replay and replay.track((site.circuit,), "mains")
        circuit = Circuit(site.circuit, cabinet, track.turns() if track else None)
        self.circuits[site.circuit] = circuit
        self._processes.append(circuit)

    def _add_lamp(self, site: Site) -> None:
        rng = draw(self.seed, "lamp", site.endpoint, 0)
        lamp = Luminaire(site.lamp_w * 1000, rng.gauss(1, METER_SPREAD), self.mains(site),
                         self._moment_s, partial(self._voltage_mv, site.phase),
                         partial(self._light_set, site.endpoint))
        self.on_mains(site, lamp.set_live)
        self.lamps[site.endpoint] = lamp
        if site.has_motion:
            self.passers[site.endpoint] = Passers(
                self.seed, site.endpoint, self.local, self.settings.traffic)

    def _add_bin(self, site: Site) -> None:
        settings, place = self.settings, site.endpoint
        tracks = [self.track(site, quantity) for quantity in ("fill", "fire", "knock")]
        fill_turns, fire_turns, knock_turns = (track and track.turns() for track in tracks)
        fill = Fill(self.seed, place, self.local, settings.waste, fill_turns)
        fire = knocks = None
        if settings.fires_per_day or fire_turns:
            fire = Fire(self.seed, place, settings.fires_per_day, fire_turns)
        if settings.knocks_per_day or knock_turns:
            knocks = Knocks(self.seed, place, settings.knocks_per_day, knock_turns)
        exposure = draw(self.seed, "exposure", place, 0).random()
        self.bins[place] = Bin(fill, fire, knocks, site.bin_height_mm, exposure, self.weather,
                               self.track(site, "temperature"))
        self._processes += [process for process in (fill, fire, knocks) if process is not None]

    def _add_bays(self, site: Site) -> None:
        bays = []
        for number in range(site.bays):
            track = self.track(site, f"occupied.{number}")
            bays.append(Bay(self.seed, site.endpoint, number, self.local,
                            self.settings.arrivals, track.turns() if track else None))
        self.bays[site.endpoint] = tuple(bays)
        self._processes += bays

    def _crossings(self, quantity: str, altitude: float, name: str,
                   is_inverse: bool = False) -> Crossings:
        start_unix_s, latitude, longitude = (
            self.start_unix_s, self.place.latitude, self.place.longitude)

        def next_crossing(now_s: float) -> tuple[float, bool] | None:
            # A moment later: the last one was computed to half a second.
            found = sun.next_crossing(start_unix_s + now_s + 1, latitude, longitude, altitude)
            return found and (round(found[0] - start_unix_s, 3), found[1])

        is_above = sun.elevation_degrees(start_unix_s, latitude, longitude) > altitude
        return Crossings(name, quantity, is_above, next_crossing, is_inverse)

    def _switch(self, name: str, act: Callable[[], None]) -> None:
        now_s = self.look()
        circuit = self.circuits[name]
        before = circuit.voltages()
        act()
        if circuit.is_live() != before[True]:
            self._say(now_s, circuit.state())
        circuit.tell_listeners(before)

    def _begin(self) -> None:
        """Tell how everything stands at the start: nothing has been stepped yet."""
        self._is_begun = True
        for change in (self.sun.state(), self.night.state()):
            self._say(0.0, change)
        for circuit in self.circuits.values():
            self._say(0.0, circuit.state())
        for site in self.sites:
            if site.furniture == "lamp":
                self._tell(LightSet(0, site.endpoint, FULL if self.mains(site) else 0))
            elif site.furniture == "bin":
                fill = self.bins[site.endpoint].fill
                self._say(0.0, (fill.place, "fill", fill.percent))
            else:
                for bay in self.bays[site.endpoint]:
                    self._say(0.0, (bay.place, bay.quantity, float(bay.is_occupied)))

    def _say(self, at_s: float, change: Change) -> None:
        self._tell(TruthChanged(round(at_s * 1e6), *change))

    def _light_set(self, endpoint: str, permille: int) -> None:
        # First what happened before it.
        self.look()
        self._tell(LightSet(round(self._moment_s() * 1e6), endpoint, permille))

    def _moment_s(self) -> float:
        """Return now, or the moment that is told: a lamp goes out when its circuit does."""
        return self.now_s() if self._at_s is None else self._at_s

    def _voltage_mv(self, phase: int, now_s: float) -> int:
        """Return the voltage of a phase, the same at all its lamps for some seconds."""
        step_s = now_s // VOLTAGE_STEP_S * VOLTAGE_STEP_S
        known_s, voltage_mv = self._voltages[phase]
        if known_s != step_s:
            voltage_mv = NOMINAL_MV + int(VOLTAGE_SPREAD_MV * self.noise.at(phase, step_s))
            self._voltages[phase] = step_s, voltage_mv
        return voltage_mv
