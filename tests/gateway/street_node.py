"""A real lamp node in the test's own process, on loopback UDP, with keys."""

import asyncio
import random

from firmware import keys
from firmware.lwm2m_client import Registered
from firmware.node import Node
from protocol import credentials
from protocol.identity import endpoint_name
from protocol.settings import Settings
from simulator.fitting import Fitting
from simulator.node_driver import NodeDriver
from simulator.real_time import NodeSocket, ScaledTimers
from simulator.virtual_board import MemoryStore, VirtualBoard
from simulator.world.layout import LayoutSettings, layout, mac_address
from simulator.world.places import ANGERS
from simulator.world.world import World, WorldSettings

ENDPOINT = endpoint_name(mac_address(0))


class StreetNode:
    """One lamp; `sent` and `received` keep its datagrams, `registrations` counts."""

    def __init__(self, port, given, speed=1):
        self._port = port
        self._speed = speed
        self._random = random.Random(1)
        self._store = MemoryStore()
        self._store.write(keys.KEY, keys.encode(0, credentials.encode(given)))
        sites = layout(1, 1, LayoutSettings(lamps=1, bins=0, parking=0))
        # A world in which it is one moment for ever.
        world = World(1, 1_765_000_000, ANGERS, sites, WorldSettings(), lambda: 0.0,
                      lambda happening: None)
        self._fitting = Fitting(world, sites[0])
        self.registrations = 0
        self.sent, self.received = [], []

    async def power_on(self):
        timers = ScaledTimers(asyncio.get_running_loop(), self._speed)
        self.socket = await NodeSocket.open(("127.0.0.1", self._port), self._receive)
        self.driver = NodeDriver(lambda: self._make(), timers, self._send, self._note)
        self.driver.power_on()

    def reboot(self):
        self.driver.power_off()
        self.driver.power_on()

    @property
    def counters(self):
        return self.driver.node.counters

    @property
    def keys(self):
        return self.driver.node.keys

    def close(self):
        self.driver.power_off()
        self.socket.close()

    def _make(self):
        board = VirtualBoard("lamp", 0, self._random, self.reboot, self._store)
        self._fitting.fit(board)
        settings = Settings(server_uri=f"coap://127.0.0.1:{self._port}", lifetime_s=3600,
                            registration_spread_s=0, security="oscore")
        return Node(board, settings)

    def _send(self, datagram, peer):
        self.sent.append(datagram)
        self.socket.send(datagram, peer)

    def _receive(self, datagram, peer):
        self.received.append(datagram)
        self.driver.receive_datagram(datagram, peer)

    def _note(self, event):
        self.registrations += isinstance(event, Registered)
