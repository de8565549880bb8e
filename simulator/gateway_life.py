"""One life of a simulated gateway, from its start to its end in order or without any."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

from gateway.clock import Clock
from gateway.coap_transport import DatagramTransport
from gateway.composition import UplinkBuilder
from gateway.service import Gateway
from gateway.settings import Settings
from gateway.uplinks.mqtt import Connect
from simulator.gateway_disk import GatewayDisk, Wreck
from simulator.severable import SeverableTransport, SeverableUplinks
from simulator.virtual_time import OWNER, VirtualLoop

ROUNDS_MAX = 100
"""How often a task may begin something new while it is being cancelled."""

T = TypeVar("T")

log = logging.getLogger(__name__)


class LifeOver(Exception):
    """The gateway was killed before it had done what it was asked for."""


class GatewayLife:
    """The real gateway over seams that can be severed; its tasks and timers are its own."""

    def __init__(
        self,
        loop: VirtualLoop,
        settings: Settings,
        *,
        transport: DatagramTransport,
        connect: Connect,
        clock: Clock,
        random: Random,
        disk: GatewayDisk,
    ) -> None:
        self._loop = loop
        self._disk = disk
        self._is_over = False
        self._transport = SeverableTransport(transport, self)
        self._uplinks = SeverableUplinks(connect)
        token = OWNER.set(self)
        try:
            self.gateway = Gateway(
                settings,
                transport=self._transport,
                clock=clock,
                random=random,
                new_executor=disk.new_executor,
                uplinks=UplinkBuilder(self._uplinks.connect),
                vfs=disk.mount(),
                disk_free=disk.free_bytes,
            )
        finally:
            OWNER.reset(token)

    async def start(self) -> None:
        """Start. Raises StartError, and LifeOver."""
        await self.ask(Gateway.start)

    async def stop(self) -> None:
        """Stop in order. Raises LifeOver."""
        await self.ask(Gateway.stop)
        self._transport.sever()
        self._uplinks.sever()
        self._disk.unmount()

    async def ask(self, work: Callable[[Gateway], Awaitable[T]]) -> T:
        """Return what `work` returns, done as the gateway's own; LifeOver if it died meanwhile."""
        token = OWNER.set(self)
        try:
            task = self._loop.create_task(work(self.gateway))
        finally:
            OWNER.reset(token)
        await asyncio.wait([task])
        if self._is_over:
            raise LifeOver
        return task.result()

    def call_on_new_keys(self, listener: Callable[[str], None]) -> None:
        """Have `listener(endpoint)` called whenever a new secret waits to be written to a node."""
        if self.gateway.contexts is not None:
            self.gateway.contexts.call_on_rotation(listener)

    def crash(self, is_power_cut: bool) -> None:
        """End now: nothing that its code still does has any effect on the world."""
        self._sever()
        self._bury(self._disk.crash(is_power_cut), 0)

    def give_up(self) -> None:
        """End after a start that failed, which has left nothing to be done to the disk."""
        self._sever()
        self._bury(self._disk.leave(), 0)

    def _sever(self) -> None:
        self._is_over = True
        self._transport.sever()
        self._uplinks.sever()

    def _bury(self, wreck: Wreck, rounds: int) -> None:
        """Cancel what is its own until nothing is left, in the order of making."""
        assert rounds < ROUNDS_MAX, "a task of a dead gateway does not end"
        self._loop.cancel_timers(self)
        tasks = self._loop.tasks(self)
        for task in tasks:
            # Whatever it ends with: nobody asks.
            task.add_done_callback(_retrieve)
            task.cancel()
        if tasks:
            self._loop.call_soon(self._bury, wreck, rounds + 1)
        else:
            wreck.clear()


def _retrieve(task: asyncio.Task) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.debug("while a gateway was being killed: %r", task.exception())
