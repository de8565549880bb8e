"""The demo: real nodes over UDP, the gateway in a process of its own, the city's file."""

import asyncio
import contextlib
import socket
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gateway.cli.connection import ApiError
from gateway.clock import ScaledClock
from gateway.service import DATABASE
from simulator.city_file import CityFile, stored_readings
from simulator.demo_screen import ChainPicture, Screen
from simulator.gateway_process import GatewayProcess
from simulator.live_fleet import LiveFleet, StreetPlan
from simulator.ports import free_port
from simulator.real_run import carry_out
from simulator.result import Result, checks_of, protection_check
from simulator.result_screen import security_warning
from simulator.run_folder import check_places
from simulator.world import sun
from simulator.world.places import ANGERS

# The street is looked at from dusk on: its photocells switch some twenty minutes after sunset.
AFTER_SUNSET_S = 12 * 60
FRAME_S = 0.5
DRAIN_MAX_S = 30
REPORT_INTERVAL_S = 15 * 60

GATEWAY_SETTINGS = """\
[gateway]
id = "demo"
listen = "127.0.0.1:{port}"
data = "data"
security = "{security}"
time = "scaled"

[scaled_time]
real_s = {real_s}
shown_s = {shown_s}
speed = {speed}

[uplink.city]
type = "file"
path = "readings.jsonl"
"""


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """What the command line asks for."""

    seconds: int
    nodes: int
    speed: int
    seed: int
    security: str
    keep: str | None
    json_path: str | None
    picture_path: str | None


async def run(settings: DemoSettings) -> int:
    """Run the demo and return its exit code: 0 only if every check holds.

    Raises RunRefused before anything has begun.
    """
    check_places(settings.keep, (settings.json_path, settings.picture_path))
    return await carry_out(
        partial(_street_life, settings), "demo", settings.keep, settings.json_path)


def _start_of_evening() -> int:
    """Return the Unix time at which today's dusk in Angers begins to want light."""
    return int(sun.sunset_unix_s(time.time(), ANGERS.latitude, ANGERS.longitude)) + AFTER_SUNSET_S


async def _street_life(settings: DemoSettings, folder: Path) -> Result:
    real_s, shown_s = int(time.time()), _start_of_evening()
    port = free_port(socket.SOCK_DGRAM)
    gateway = GatewayProcess(folder, GATEWAY_SETTINGS.format(
        port=port, security=settings.security, real_s=real_s, shown_s=shown_s,
        speed=settings.speed))
    clock = ScaledClock(real_s, shown_s, settings.speed)
    screen = Screen(f"Faubourg demo: a street in Angers at dusk. {settings.nodes} nodes, "
                    f"1 second here is {_world_time(settings.speed)} there."
                    f"{security_warning(settings.security)}")
    screen.say("starting the gateway ('faubourg run', a process of its own) ...")
    try:
        await gateway.start()
        fleet = LiveFleet(StreetPlan(
            settings.nodes, settings.seed, settings.speed, ANGERS, REPORT_INTERVAL_S,
            settings.security), clock, port)
        demo = Demo(settings, gateway, fleet, screen)
        virtual_s = await demo.run()
    finally:
        await gateway.stop()
    return await demo.result(virtual_s)


def _world_time(speed: int) -> str:
    return "1 minute" if speed == 60 else f"{speed} seconds"


class Demo:
    """One run: the street lives, is drained, and what became of every reading is counted."""

    def __init__(self, settings: DemoSettings, gateway: GatewayProcess, fleet: LiveFleet,
                 screen: Screen) -> None:
        self._settings = settings
        self._gateway = gateway
        self._fleet = fleet
        self._screen = screen
        self._city = CityFile(gateway.folder / "data" / "readings.jsonl", fleet.utc_offset_s,
                              {place.endpoint: place.name for place in fleet.places})
        self._status: dict = {}
        self._registered: set[str] = set()

    async def run(self) -> int:
        """Let the street live for the seconds asked for and drain it; return its world seconds."""
        loop = asyncio.get_running_loop()
        self._status = await self._gateway.status()
        if self._settings.security == "oscore":
            self._screen.say("giving each node its own keys ('faubourg keys add') ...")
            self._fleet.give_keys(await self._gateway.make_keys(self._fleet.endpoints()))
        started_s = loop.time()
        await self._fleet.power_on()
        try:
            with self._screen:
                while (elapsed_s := loop.time() - started_s) < self._settings.seconds:
                    await self._frame(elapsed_s / self._settings.seconds)
                    await asyncio.sleep(FRAME_S)
                if self._settings.picture_path:
                    self._screen.save(self._settings.picture_path)
                self._screen.say("draining: every node delivers what it holds and signs off ...")
                await self._drain(loop)
                await self._frame(1.0)
        finally:
            await self._fleet.power_off()
        return int((loop.time() - started_s) * self._settings.speed)

    async def _frame(self, progress: float) -> None:
        self._city.read_on()
        with contextlib.suppress(ApiError):
            self._status = await self._gateway.status()
        self._screen.show(progress, self._fleet.picture(), self._chain(), self._city.latest())

    def _chain(self) -> ChainPicture:
        account = self._fleet.account
        return ChainPicture(
            nodes=self._settings.nodes,
            registered=len(self._fleet.registered),
            readings_taken=len(account.taken),
            readings_stored=self._status.get("readings_stored", 0),
            readings_delivered=len(self._city.delivered),
            datagrams=self._fleet.datagrams()[0],
            security=self._status["security"],
        )

    async def _drain(self, loop: asyncio.AbstractEventLoop) -> None:
        """Sign each node off as soon as it holds nothing, then wait for the uplink."""
        deadline_s = loop.time() + DRAIN_MAX_S
        while loop.time() < deadline_s:
            is_quiet = self._fleet.sign_off_idle_nodes()
            await self._frame(1.0)
            if is_quiet and self._uplink_depth() == 0:
                return
            await asyncio.sleep(FRAME_S)

    def _uplink_depth(self) -> int | None:
        uplinks = self._status.get("uplinks")
        return None if uplinks is None else sum(uplink["depth"] for uplink in uplinks)

    async def result(self, virtual_s: int) -> Result:
        """Count every reading, once the gateway has ended; `wall_s` is still to be filled in."""
        account = self._fleet.account
        self._city.read_on()
        account.delivered = self._city.delivered
        account.stored = await stored_readings(self._gateway.folder / "data" / DATABASE)
        sent, size = self._fleet.datagrams()
        furniture = self._fleet.tallies(account.delivered)
        registered = len(self._fleet.registered)
        return Result(
            scenario="demo", seed=self._settings.seed, nodes=self._settings.nodes,
            virtual_s=virtual_s, wall_s=0, registered=registered, readings=account.tally(),
            datagrams_sent=sent, datagrams_lost=None, datagram_bytes=size,
            security=self._status["security"], furniture=furniture,
            checks=checks_of(self._settings.nodes, registered, account, furniture)
            + protection_check(self._status["security"], self._fleet.in_clear()))
