"""One run in virtual time: a district, its network, its gateways and the city, in one process."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from simulator import command_plan
from simulator.district import District, gateway_address
from simulator.effects import Effects
from simulator.gateway_text import gateway_id, settings_text
from simulator.injector import Injector
from simulator.network import Network
from simulator.node_clock import TimerQueue
from simulator.plan import Plan
from simulator.run_account import RunAccount
from simulator.sampler import Sampler
from simulator.sim_broker import Durability
from simulator.sim_city import SimCity
from simulator.sim_gateway import SimGateway
from simulator.sim_node import START
from simulator.stream import Stream
from simulator.targets import targets_of
from simulator.virtual_time import VirtualLoop
from simulator.world.world import World

STEP_S = 60.0
DRAIN_STEP_S = 10.0
# Twice what a node waits at most before it tries again, and what a gateway needs besides.
DRAIN_S_MAX = 2 * 3600.0


class Simulation:
    """A plan that is carried out, in `folder`; `stream` hears of everything.

    To be made within the loop; `on_step(now_s)` is called each virtual minute.
    """

    def __init__(self, plan: Plan, folder: Path, stream: Stream,
                 on_step: Callable[[float], None] = lambda now_s: None) -> None:
        scenario, seed, tell = plan.scenario, plan.seed, stream.tell
        self.plan = plan
        self.loop: VirtualLoop = asyncio.get_running_loop()
        self.account = RunAccount(stream)
        self._tell = tell
        self._on_step = on_step
        self.on_drain: Callable[[], None] = lambda: None  # the world's hours are over
        self._timers = TimerQueue(self.loop)
        self.network = Network(self.loop, tell, seed)
        sites = plan.sites()
        self.world = World(seed, scenario.start_unix_s, scenario.place, sites,
                           scenario.world_settings(), self.loop.time, tell)
        back_end = scenario.back_end
        self.city = SimCity(
            self.loop, tell, seed, start_unix_s=scenario.start_unix_s,
            durability=Durability(back_end.durability),
            acknowledges=back_end.ack)
        self.district = District(scenario, seed, self.world, self.network, self._timers, tell,
                                 self.loop.now_us)
        self.nodes = self.district.nodes
        self.gateways = {
            gateway_id(number): SimGateway(
                self.loop, gateway_id(number), settings_text(scenario, number),
                self.network, gateway_address(number), self.city.connect, tell, seed,
                scenario.start_unix_s, folder, sever=self.city.sever)
            for number in range(scenario.about.gateways)}
        self._endpoints = {site.name: site.endpoint for site in sites}
        by_name = {node.site.name: node for node in self.nodes.values()}
        effects = Effects(self.loop, by_name, self.gateways, self.city, self.network, self.world)
        self.injector = Injector(
            plan, targets_of(scenario, plan.nodes), effects, self.loop, tell)
        self._sampler = Sampler(self, tell)
        self._leaving: set[str] = set()

    async def run(self, until_s: float | None = None) -> None:
        """Let the district live its hours and drain it; stop dead at `until_s` if it is given."""
        duration_s = self.plan.duration_s
        await self._begin()
        if until_s is not None and until_s < duration_s:
            await self._live(until_s)
            return
        await self._live(duration_s)
        self.on_drain()
        self.injector.finish()
        await self._drain(duration_s + DRAIN_S_MAX if until_s is None else until_s)
        if until_s is None:
            await self._end()

    async def _begin(self) -> None:
        self._step_world()
        await self.city.start()
        for gateway in self.gateways.values():
            await gateway.start()
        if self.plan.scenario.fleet.security == "oscore":
            await self._give_keys()
        self.injector.start()
        command_plan.schedule(
            command_plan.commands_of(self.plan), self.loop, self.city, self._whereabouts)
        self._sampler.start()
        for node in self.nodes.values():
            node.switch_on(START)

    async def _give_keys(self) -> None:
        served: dict[str, list[str]] = {gateway: [] for gateway in self.gateways}
        for endpoint in self.nodes:
            served[self.gateway_of(endpoint)].append(endpoint)
        for gateway, endpoints in served.items():
            self.district.give_keys(await self.gateways[gateway].give_keys(endpoints))

    def _whereabouts(self, name: str) -> tuple[str, str]:
        """Return (gateway, endpoint) of a node's name."""
        endpoint = self._endpoints[name]
        return self.gateway_of(endpoint), endpoint

    def gateway_of(self, endpoint: str) -> str:
        """Return the id of the gateway that serves a node."""
        return gateway_id(self.district.gateway_of(endpoint))

    def _step_world(self) -> None:
        """Tell what changes in the world when it changes, whoever looks."""
        self.world.advance()
        self._timers.call_at_us(self.world.next_change_us(), self._step_world)

    async def _live(self, end_s: float) -> None:
        while (now_s := self.loop.time()) < end_s:
            await asyncio.sleep(min(STEP_S, end_s - now_s))
            self._on_step(self.loop.time())

    async def _drain(self, end_s: float) -> None:
        """Let everything arrive: light the street, sign off each node that holds nothing.

        A node that has gone while its last readings were not acknowledged gets its power again.
        """
        self.world.hold_mains()
        while self.loop.time() < end_s:
            is_empty = not any(map(_depth, self.gateways.values())) and not self.city.waiting()
            if self._sign_off() and is_empty:
                return
            await asyncio.sleep(DRAIN_STEP_S)
            self._on_step(self.loop.time())

    def _sign_off(self) -> bool:
        """Return whether every node has gone, and none holds a reading."""
        busy = self.account.holds()
        for node in self.nodes.values():
            if node.has_left and node.endpoint in busy:
                self._leaving.discard(node.endpoint)
                node.reset("power")
            elif node.endpoint not in self._leaving and node.endpoint not in busy:
                self._leaving.add(node.endpoint)
                node.shutdown()
        return not busy and all(node.has_left for node in self.nodes.values())

    async def _end(self) -> None:
        for node in self.nodes.values():
            node.see_journal()
        for gateway in self.gateways.values():
            await gateway.stop()
        await self.city.stop()


def _depth(gateway: SimGateway) -> int:
    return 1 if gateway.gateway is None else sum(gateway.depths().values())
