"""A street in real time: places, nodes on loopback UDP, and the account of their readings."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from firmware import keys
from firmware.journal import ReadingDropped, ReadingsAcknowledged, ReadingTaken
from firmware.lwm2m_client import Registered, Stopped
from firmware.timezone import Timezone
from gateway.clock import Clock
from protocol.coap_parameters import TransmissionParameters
from protocol.settings import Settings
from simulator.account import Account, ReadingId, content_of
from simulator.demo_screen import StreetPicture
from simulator.fleet import Place, build
from simulator.node_driver import NodeDriver
from simulator.real_time import NodeSocket, ScaledTimers
from simulator.result import FurnitureTally
from simulator.world.layout import LayoutSettings, Site, layout
from simulator.world.places import Place as Town
from simulator.world.world import World, WorldSettings

# A battery node waits this much real time for what the gateway has for it.
AWAKE_WINDOW_REAL_S = 2
WORLD_STEP_S = 0.05


@dataclass(frozen=True, slots=True)
class StreetPlan:
    """How many nodes stand where, and how fast their world runs; intervals in world seconds."""

    nodes: int
    seed: int
    speed: int
    town: Town
    report_interval_s: int
    security: str
    registration_spread_s: int = 60


class LiveFleet:
    """Nodes of a street, driven in real time in a world that runs faster (`plan.speed`).

    Their gateway listens on `port` of the loopback interface.
    """

    def __init__(self, plan: StreetPlan, clock: Clock, port: int) -> None:
        self._plan = plan
        self._clock = clock
        self._peer = ("127.0.0.1", port)
        self.utc_offset_s = Timezone(plan.town.timezone).offset_s(int(self._now_s()))
        begun_s = self._now_s()
        self.world = World(
            plan.seed, begun_s, plan.town,
            layout(plan.nodes, plan.seed, LayoutSettings(), plan.town), WorldSettings(),
            lambda: self._now_s() - begun_s, lambda happening: None)
        self.account = Account()
        self.places = build(self.world, self._settings, self._transmission_parameters())
        self.registered: set[str] = set()
        self._drivers: dict[str, NodeDriver] = {}
        self._signed_off: set[str] = set()
        self._stopped: set[str] = set()
        self._sockets: list[NodeSocket] = []
        self._stepping: asyncio.Task | None = None

    def _now_s(self) -> float:
        return self._clock.unix_ms() / 1000

    def _settings(self, site: Site) -> Settings:
        plan = self._plan
        host, port = self._peer
        return Settings(
            server_uri=f"coap://{host}:{port}", name=site.name, asset=site.asset,
            latitude_e6=site.latitude_e6, longitude_e6=site.longitude_e6,
            report_interval_s=plan.report_interval_s,
            registration_spread_s=plan.registration_spread_s, security=plan.security,
            awake_window_s=AWAKE_WINDOW_REAL_S * plan.speed)

    def _transmission_parameters(self) -> TransmissionParameters:
        """Return CoAP's own times: of the network, which is not accelerated."""
        plain = TransmissionParameters()
        return TransmissionParameters(ack_timeout_ms=plain.ack_timeout_ms * self._plan.speed,
                                      max_latency_ms=plain.max_latency_ms * self._plan.speed)

    def endpoints(self) -> list[str]:
        """Return the endpoint name of every node."""
        return [place.endpoint for place in self.places]

    def give_keys(self, credentials: Mapping[str, bytes]) -> None:
        """Put a node's credentials into its store, by endpoint, as its provisioning does."""
        for place in self.places:
            place.store.write(keys.KEY, keys.encode(0, credentials[place.endpoint]))

    async def power_on(self) -> None:
        """Give every node a socket and its power."""
        timers = ScaledTimers(asyncio.get_running_loop(), self._plan.speed)
        for place in self.places:
            await self._power_on(place, timers)
        self._stepping = asyncio.create_task(self._step_the_world())

    async def _power_on(self, place: Place, timers: ScaledTimers) -> None:
        socket = await NodeSocket.open(
            self._peer, lambda data, peer: driver.receive_datagram(data, peer))
        driver = NodeDriver(partial(place.make_node, lambda: driver.power_on()), timers,
                            socket.send, partial(self._note, place.endpoint))
        self._sockets.append(socket)
        self._drivers[place.endpoint] = driver
        driver.power_on()

    async def _step_the_world(self) -> None:
        while True:
            self.world.look()
            await asyncio.sleep(WORLD_STEP_S)

    def _note(self, endpoint: str, event: object) -> None:
        if isinstance(event, Registered):
            self.registered.add(endpoint)
        elif isinstance(event, Stopped):
            self._stopped.add(endpoint)
        elif isinstance(event, ReadingTaken):
            self.account.take((endpoint, event.boot, event.sequence),
                              content_of(event.path, event.value))
        elif isinstance(event, ReadingsAcknowledged):
            for sequence in event.sequences:
                self.account.acknowledge((endpoint, event.boot, sequence))
        elif isinstance(event, ReadingDropped):
            self.account.drop((endpoint, event.boot, event.sequence))

    async def cut_power(self, endpoint: str, duration_s: float) -> None:
        """Take a node's power for `duration_s` real seconds: only what it has on flash stays."""
        self._drivers[endpoint].power_off()
        await asyncio.sleep(duration_s)
        self._drivers[endpoint].power_on()

    def sign_off_idle_nodes(self) -> bool:
        """De-register each node that holds no reading now; return whether all have gone.

        One that went while its last readings were not acknowledged gets its power again, and
        delivers them after its boot.
        """
        busy = {endpoint for endpoint, _, _ in self.account.held}
        for endpoint in busy & self._stopped:
            self._stopped.discard(endpoint)
            self._signed_off.discard(endpoint)
            self._drivers[endpoint].power_on()
        for endpoint, driver in self._drivers.items():
            if endpoint not in busy and endpoint not in self._signed_off:
                self._signed_off.add(endpoint)
                driver.shutdown()
        return not busy and len(self._stopped) == len(self._drivers)

    async def power_off(self) -> None:
        """Take the power from every node and close the sockets."""
        if self._stepping:
            self._stepping.cancel()
        for driver in self._drivers.values():
            driver.power_off()
        for socket in self._sockets:
            socket.close()

    def datagrams(self) -> tuple[int, int]:
        """Return (datagrams, bytes) that the nodes have sent."""
        return sum(s.sent for s in self._sockets), sum(s.bytes for s in self._sockets)

    def in_clear(self) -> int:
        """Return how many messages from and to nodes were not protected."""
        return sum(socket.in_clear for socket in self._sockets)

    def tallies(self, delivered: Iterable[ReadingId]) -> tuple[FurnitureTally, ...]:
        """Return, for each furniture, its nodes and what came of their readings."""
        kind = {place.endpoint: place.furniture for place in self.places}
        nodes = Counter(kind.values())
        registered = Counter(kind[endpoint] for endpoint in self.registered)
        taken = Counter(kind[endpoint] for endpoint, _, _ in self.account.taken)
        arrived = Counter(kind.get(endpoint) for endpoint, _, _ in delivered)
        return tuple(
            FurnitureTally(each, nodes[each], registered[each], taken[each], arrived[each])
            for each in sorted(nodes))

    def picture(self) -> StreetPicture:
        """Return the truth in the street now."""
        world = self.world
        world.look()
        lamps = list(world.lamps.values())
        fills = [container.fill for container in world.bins.values()]
        bays = [bay for bays in world.bays.values() for bay in bays]
        return StreetPicture(
            local_time_s=world.unix_s() + self.utc_offset_s,
            sun_elevation=world.weather.sun_elevation(world.now_s()),
            daylight_lux=world.daylight_lux(),
            lamps=len(lamps),
            lamps_lit=sum(lamp.permille > 0 for lamp in lamps),
            power_w=sum(lamp.power_mw() for lamp in lamps) / 1000,
            bins=len(fills),
            fill_percent_mean=sum(fill.percent for fill in fills) / len(fills),
            bins_full=sum(fill.percent >= 80 for fill in fills),
            bins_emptied=sum(fill.emptied for fill in fills),
            bays=len(bays),
            bays_occupied=sum(bay.is_occupied for bay in bays),
            cars_moved=sum(bay.changes for bay in bays),
        )
