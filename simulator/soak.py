"""The soak: the whole chain as real processes, killed again and again, and every reading counted.

Nodes over UDP, `faubourg run`, mosquitto and `faubourg city`, `ack = "application"`. At drawn
moments one of the three processes gets SIGKILL and, with it, a drawn node loses its power.
"""

import asyncio
import random
import time
from dataclasses import dataclass
from pathlib import Path

from gateway.clock import ScaledClock
from gateway.rows import Lane, lane_of
from gateway.service import DATABASE
from protocol import lwm2m_path, object_table
from simulator import soak_kills
from simulator.city_file import stored_readings
from simulator.city_table import Arrival, CityTable
from simulator.live_fleet import LiveFleet, StreetPlan
from simulator.real_run import carry_out
from simulator.result import Check, Result, checks_of, protection_check
from simulator.result_screen import security_warning
from simulator.run_folder import RunRefused, check_places
from simulator.soak_chain import Chain, find_mosquitto
from simulator.soak_kills import Kill
from simulator.soak_screen import SoakPicture, SoakScreen
from simulator.world import sun
from simulator.world.places import ANGERS

# A street of 80 whose world runs ten times as fast says some 120 values a second.
SPEED = 10
REPORT_INTERVAL_S = 30
REGISTRATION_SPREAD_S = 10
AFTER_SUNSET_S = 12 * 60
FRAME_S = 0.25
POWER_CUT_S = 0.2
DRAIN_MAX_S = 120


@dataclass(frozen=True, slots=True)
class SoakSettings:
    """What the command line asks for."""

    minutes: float
    kills: int
    nodes: int
    seed: int
    security: str
    keep: str | None
    json_path: str | None


async def run(settings: SoakSettings) -> int:
    """Run the soak and return its exit code: 0 only if every check holds.

    Raises RunRefused before anything has begun.
    """
    check_places(settings.keep, (settings.json_path,))
    mosquitto = find_mosquitto()
    if mosquitto is None:
        raise RunRefused("mosquitto is not on this machine: install it, or run 'make setup'")
    return await carry_out(lambda folder: Soak(settings, folder, mosquitto).run(), "soak",
                           settings.keep, settings.json_path)


class Soak:
    """One run: the street lives under kills, is drained, and every reading is counted."""

    def __init__(self, settings: SoakSettings, folder: Path, mosquitto: Path) -> None:
        real_s = int(time.time())
        sunset_s = sun.sunset_unix_s(time.time(), ANGERS.latitude, ANGERS.longitude)
        shown_s = int(sunset_s) + AFTER_SUNSET_S
        self._settings = settings
        self._duration_s = settings.minutes * 60
        self._chain = Chain(folder, mosquitto, real_s, shown_s, SPEED, settings.security)
        self._fleet = LiveFleet(
            StreetPlan(settings.nodes, settings.seed, SPEED, ANGERS, REPORT_INTERVAL_S,
                       settings.security, REGISTRATION_SPREAD_S),
            ScaledClock(real_s, shown_s, SPEED), self._chain.udp_port)
        self._city = CityTable(self._chain.city)
        self._random = random.Random(f"{settings.seed}/power cuts")
        self._screen = SoakScreen(
            f"Faubourg soak: {settings.nodes} nodes, gateway, broker and city on this machine; "
            f"{settings.kills} kills, seed {settings.seed}."
            f"{security_warning(settings.security)}")
        self._started_s = 0.0
        self._power_cuts = 0
        self._security = ""

    async def run(self) -> Result:
        """Live, drain, count. Raises ProcessError if a process ends that nobody killed."""
        loop = asyncio.get_running_loop()
        self._screen.say("starting broker, consumer and gateway ...")
        try:
            await self._chain.start()
            await self._agree_on_keys()
            self._started_s = loop.time()
            await self._fleet.power_on()
            with self._screen:
                await self._live()
                lived_s = loop.time() - self._started_s
                taken_alive = len(self._fleet.account.taken)
                self._screen.say("draining: every node delivers what it holds and signs off ...")
                await self._drain(loop.time() + DRAIN_MAX_S)
        finally:
            await self._fleet.power_off()
            await self._chain.stop()
        self._screen.say(f"load: {taken_alive / lived_s:.0f} readings a second")
        return await self._result(int(lived_s * SPEED))

    async def _agree_on_keys(self) -> None:
        gateway = self._chain.gateway
        self._security = (await gateway.status())["security"]
        if self._security == "oscore":
            self._screen.say("giving each node its own keys ('faubourg keys add') ...")
            self._fleet.give_keys(await gateway.make_keys(self._fleet.endpoints()))

    async def _live(self) -> None:
        kills = soak_kills.draw(self._settings.seed, self._duration_s, self._settings.kills)
        killing = [asyncio.create_task(self._kill_all(victim, kills))
                   for victim in soak_kills.VICTIMS]
        try:
            while self._elapsed_s() < self._duration_s or not all(map(asyncio.Task.done, killing)):
                self._chain.check()
                self._show()
                await asyncio.sleep(FRAME_S)
            for task in killing:
                task.result()
        finally:
            for task in killing:
                task.cancel()

    async def _kill_all(self, victim: str, kills: list[Kill]) -> None:
        for kill in kills:
            if kill.victim == victim:
                await asyncio.sleep(max(kill.at_s - self._elapsed_s(), 0))
                cut = asyncio.create_task(self._cut_a_node())
                await self._chain.kill(kill)
                await cut

    async def _cut_a_node(self) -> None:
        place = self._random.choice(self._fleet.places)
        self._power_cuts += 1
        await self._fleet.cut_power(place.endpoint, POWER_CUT_S)

    def _elapsed_s(self) -> float:
        return asyncio.get_running_loop().time() - self._started_s

    def _show(self) -> None:
        account = self._fleet.account
        self._screen.show(SoakPicture(
            self._elapsed_s(), self._duration_s, self._chain.states(), self._chain.kills,
            self._settings.kills, self._power_cuts, self._security, len(account.taken),
            len(account.held), self._city.count()))

    async def _drain(self, deadline_s: float) -> None:
        """Sign every node off once it holds nothing, and wait until the city has all of it."""
        loop = asyncio.get_running_loop()
        while loop.time() < deadline_s:
            self._chain.check()
            account = self._fleet.account
            is_quiet = self._fleet.sign_off_idle_nodes()
            self._show()
            if is_quiet and self._city.count() >= len(account.taken - account.dropped):
                return
            await asyncio.sleep(FRAME_S)

    async def _result(self, virtual_s: int) -> Result:
        """Count every reading, once all processes have ended; `wall_s` is to be filled in."""
        settings, account = self._settings, self._fleet.account
        arrivals = self._city.arrivals()
        account.stored = await stored_readings(self._chain.data / DATABASE)
        account.delivered.update(each.id for each in arrivals)
        sent, size = self._fleet.datagrams()
        furniture = self._fleet.tallies(account.delivered)
        registered = len(self._fleet.registered)
        checks = checks_of(settings.nodes, registered, account, furniture)
        altered = account.altered({each.id: each.content for each in arrivals})
        checks += (
            Check("no reading altered", not altered, f"{len(altered)} altered"),
            _order_check(arrivals),
            Check("no message refused by the city", not self._city.refused(),
                  f"{self._city.refused()} refused"),
            self._kills_check(),
        ) + protection_check(self._security, self._fleet.in_clear())
        return Result(
            scenario="soak", seed=settings.seed, nodes=settings.nodes, virtual_s=virtual_s,
            wall_s=0, registered=registered, readings=account.tally(), datagrams_sent=sent,
            datagrams_lost=None, datagram_bytes=size, security=self._security,
            furniture=furniture, checks=checks)

    def _kills_check(self) -> Check:
        kills = self._chain.kills
        shared = ", ".join(f"{kills[victim]} {victim}" for victim in soak_kills.VICTIMS)
        is_ok = sum(kills.values()) == self._settings.kills
        return Check("every kill was done", is_ok,
                     f"{shared}; {self._power_cuts} power cuts of nodes")


def _order_check(arrivals: list[Arrival]) -> Check:
    """Within each lane of a node the city got the readings in the order of their numbers."""
    newest: dict[tuple[str, Lane], tuple[int, int]] = {}
    overtaken = 0
    for arrival in arrivals:
        endpoint, *number = arrival.id
        lane = endpoint, lane_of(object_table.reading_class(lwm2m_path.parse(arrival.path)))
        overtaken += tuple(number) < newest.get(lane, (0, 0))
        newest[lane] = max(tuple(number), newest.get(lane, (0, 0)))
    return Check("order kept in every lane of every node", not overtaken, f"{overtaken} overtaken")
