"""A short street in virtual time: real nodes, lossy links, the real gateway with a file uplink."""

import asyncio
import hashlib
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

from firmware import keys
from firmware.journal import ReadingDropped, ReadingsAcknowledged, ReadingTaken
from firmware.lwm2m_client import Registered, Stopped
from protocol.coap_parameters import TransmissionParameters
from protocol.settings import Settings
from simulator.city_file import CityFile
from simulator.fleet import build
from simulator.happenings import (
    DatagramSent,
    GatewayEnded,
    GatewayStarted,
    ReadingDelivered,
    StoreSynced,
)
from simulator.link_profiles import PERFECT
from simulator.network import Network
from simulator.node_driver import NodeDriver
from simulator.sim_city import SimCity
from simulator.sim_gateway import SimGateway
from simulator.world.layout import LayoutSettings, layout
from simulator.world.places import ANGERS
from simulator.world.world import World, WorldSettings

START_UNIX_S = 1_772_000_000  # 2026-02-25 06:13 UTC
GATEWAY = ("10.255.0.1", 5683)
LINK = replace(PERFECT, delay_ms=10, jitter_ms=10, loss=0.02, doubled=0.01)
TEXT = """
[gateway]
id = "gateway-1"
data = "data"
security = "{security}"
time = "ntp"
{more}
"""


class Timers:
    def __init__(self, loop):
        self._loop = loop

    def now_ms(self):
        return self._loop.now_us() // 1000

    def call_at_ms(self, when_ms, callback):
        return self._loop.call_at(when_ms / 1000, callback)


class SimStreet:
    """`told` are all happenings; `taken`, `held` and `dropped` readings by their ids."""

    def __init__(self, folder, seed=1, nodes=5, security="oscore", more=""):
        self.loop = asyncio.get_running_loop()
        self.told, self.bugs = [], []
        self.loop.set_exception_handler(lambda loop, context: self.bugs.append(context))
        self.taken, self.held, self.dropped = set(), set(), set()
        self.registered, self.left = set(), set()
        self.network = Network(self.loop, self.told.append, seed)
        self.world = World(seed, START_UNIX_S, ANGERS, layout(nodes, seed, LayoutSettings()),
                           WorldSettings(), self.loop.time, self.told.append)
        self.city = SimCity(self.loop, self.told.append, seed, start_unix_s=START_UNIX_S)
        self._security = security
        self.places = build(self.world, self._settings, TransmissionParameters())
        self.drivers = {}
        self.gateway = SimGateway(
            self.loop, "gateway-1", TEXT.format(security=security, more=more), self.network,
            GATEWAY, self.city.connect, self.told.append, seed, START_UNIX_S, Path(folder),
            sever=self.city.sever)

    def _settings(self, site):
        return Settings(
            server_uri="coap://10.255.0.1", name=site.name, report_interval_s=300,
            latitude_e6=site.latitude_e6, longitude_e6=site.longitude_e6, registration_spread_s=20,
            security=self._security, awake_window_s=10)

    async def begin(self):
        """Start the gateway, give keys, and power to every node."""
        await self.city.start()
        assert await self.gateway.start()
        if self._security == "oscore":
            found = await self.gateway.give_keys(place.endpoint for place in self.places)
            for place in self.places:
                place.store.write(keys.KEY, keys.encode(0, found[place.endpoint]))
        for number, place in enumerate(self.places):
            self._power_on(number, place)

    def _power_on(self, number, place):
        address = (f"10.0.{number // 250}.{number % 250 + 1}", 5683)
        self.network.set_link(address, LINK)
        driver = NodeDriver(
            partial(place.make_node, lambda: driver.power_on()), Timers(self.loop),
            lambda data, peer: self.network.send(address, peer, data),
            partial(self._note, place.endpoint))
        self.network.attach(address, driver.receive_datagram)
        self.drivers[place.endpoint] = driver
        driver.power_on()

    def _note(self, endpoint, event):
        if isinstance(event, Registered):
            self.registered.add(endpoint)
        elif isinstance(event, Stopped):
            self.left.add(endpoint)
        elif isinstance(event, ReadingTaken):
            self.taken.add((endpoint, event.boot, event.sequence))
            self.held.add((endpoint, event.boot, event.sequence))
        elif isinstance(event, ReadingsAcknowledged):
            self.held -= {(endpoint, event.boot, number) for number in event.sequences}
        elif isinstance(event, ReadingDropped):
            self.held.discard((endpoint, event.boot, event.sequence))
            self.dropped.add((endpoint, event.boot, event.sequence))

    async def drain(self, seconds=3600):
        """Let every node that holds nothing leave, and wait until all have."""
        end_s, leaving = self.loop.time() + seconds, set()
        while self.loop.time() < end_s and self.left != self.drivers.keys():
            busy = {endpoint for endpoint, _, _ in self.held}
            for endpoint, driver in self.drivers.items():
                if endpoint not in busy | leaving:
                    leaving.add(endpoint)
                    driver.shutdown()
                elif endpoint in busy & self.left:
                    self.left.discard(endpoint)
                    leaving.discard(endpoint)
                    driver.power_on()
            await asyncio.sleep(10)

    async def end(self):
        for driver in self.drivers.values():
            driver.power_off()
        await self.gateway.stop()
        await self.city.stop()
        assert not self.bugs, self.bugs

    def delivered(self):
        """Count what the uplink's file holds, by reading."""
        names = {place.endpoint: place.name for place in self.places}
        found = CityFile(self.gateway.data / "readings.jsonl", 0, names)
        found.read_on()
        return found.delivered

    def at_the_city(self):
        """Count what the city has committed, by reading."""
        return Counter((each.endpoint, each.boot, each.sequence) for each in self.told
                       if isinstance(each, ReadingDelivered))

    def ended(self):
        return Counter(each.cause for each in self.told if isinstance(each, GatewayEnded))

    def starts(self):
        return sum(isinstance(each, GatewayStarted) for each in self.told)

    def digest(self):
        """Return what stands for every datagram and every synced byte."""
        digest = hashlib.sha256()
        for each in self.told:
            if isinstance(each, (DatagramSent, StoreSynced, GatewayStarted, GatewayEnded)):
                digest.update(repr(each).encode())
        return digest.hexdigest()
