"""A gateway in virtual time: the real service, its disk, and what happens to both."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from random import Random
from typing import TypeVar

import apsw

from gateway import private_file
from gateway import settings as gateway_settings
from gateway.composition import StartError
from gateway.contexts import COUNTERS_PER_PREFIX, ID_COUNTER_BYTES
from gateway.service import DATABASE, Gateway
from gateway.settings import Settings
from gateway.uplinks.mqtt import Connect
from gateway.vault import KEY_BYTES
from protocol import credentials
from protocol.credentials import SALT_LENGTH, SECRET_LENGTH, Credentials
from simulator import store_reader
from simulator.account import ReadingId
from simulator.gateway_disk import GatewayDisk
from simulator.gateway_life import GatewayLife, LifeOver
from simulator.happenings import (
    Address,
    GatewayEnded,
    GatewayStarted,
    KeysChanged,
    StoreSeen,
    StoreSynced,
    Tell,
)
from simulator.network import Network
from simulator.virtual_time import VirtualLoop

T = TypeVar("T")

RESTART_S = 5.0
"""What systemd waits before it starts the service anew (`gateway/faubourg-gateway.service`)."""

STOP, KILL, POWER_CUT = "stop", "kill", "power cut"

log = logging.getLogger(__name__)


class SimClock:
    """The run's time, from `start_unix_s` on; its time of day can step, and be lost."""

    def __init__(self, loop: VirtualLoop, start_unix_s: float) -> None:
        self._loop = loop
        self._offset_ms = round(start_unix_s * 1000)
        self.is_known = True

    def monotonic_s(self) -> float:
        """Return the uptime of the run."""
        return self._loop.time()

    def unix_ms(self) -> int:
        """Return the time of day."""
        return self._offset_ms + self._loop.now_us() // 1000

    def is_trusted(self) -> bool:
        """Return whether a time service keeps it."""
        return self.is_known

    def step(self, seconds: float) -> None:
        """Let the time of day jump, forward or back."""
        self._offset_ms += round(seconds * 1000)


class SimGateway:
    """The gateway `id` of a run, with the settings of a real one.

    It listens at `address`; `connect` takes it to the city's broker, where `sever(id, is_silent)`
    ends its connections without a goodbye, `is_silent` where its machine is gone too. Its
    files are under `folder`, in one folder after another, from which the paths in the settings
    start. All that is drawn comes from `seed` and `id`.
    """

    def __init__(
        self,
        loop: VirtualLoop,
        id: str,
        settings_text: str,
        network: Network,
        address: Address,
        connect: Connect,
        tell: Tell,
        seed: int,
        start_unix_s: float,
        folder: Path,
        sever: Callable[[str, bool], None] = lambda id, is_silent: None,
    ) -> None:
        self.id = id
        self.address = address
        self._loop = loop
        self._text = settings_text
        self._network = network
        self._connect = connect
        self._sever = sever
        self._tell = tell
        self._seed = seed
        self._life: GatewayLife | None = None
        self._lives = 0
        self._is_up = False
        self._starting: asyncio.Task | None = None
        self.failed_starts = 0
        self.clock = SimClock(loop, start_unix_s)
        self.disk = GatewayDisk(folder / id, self._random("disk"), self._synced)
        self._make_key_file()

    @property
    def gateway(self) -> Gateway | None:
        """The real gateway; None while it is down."""
        return self._life.gateway if self._is_up else None

    @property
    def data(self) -> Path:
        """The data folder of this life, or of the next."""
        return Path(self._settings().gateway.data)

    # Its lives

    async def start(self) -> bool:
        """Start, again and again as systemd does; False if it was killed before it was up."""
        assert self._life is None, f"{self.id} runs"
        self._lives += 1
        number = self._lives
        while not await self._start_once(number):
            if self._lives == number:
                self.failed_starts += 1
                await asyncio.sleep(RESTART_S)
            if self._lives != number:
                return False
        self._is_up = True
        self._life.call_on_new_keys(self._tell_new_keys)
        self._tell(GatewayStarted(self._loop.now_us(), self.id))
        self._see_store()
        return True

    def _tell_new_keys(self, endpoint: str) -> None:
        self._tell(KeysChanged(self._loop.now_us(), self.id, endpoint))

    def restart(self) -> None:
        """Begin to start, if it is down: what systemd does after a kill, power after a cut."""
        if self._life is None and (self._starting is None or self._starting.done()):
            self._starting = self._loop.create_task(self.start())

    async def _start_once(self, number: int) -> bool:
        life = self._life = GatewayLife(
            self._loop, self._settings(), connect=self._connect,
            transport=self._network.gateway_transport(self.address), clock=self.clock,
            disk=self.disk,             random=self._random(f"life/{number}/{self.failed_starts}"))
        try:
            await life.start()
        except LifeOver:
            return False
        except StartError as error:
            log.info("%s does not start: %s", self.id, error)
            self._life = None
            life.give_up()
            return False
        return True

    async def stop(self) -> None:
        """Stop in order, and wait for it."""
        life = self._life
        if life is None:
            # Whoever waits for a start finds another number.
            self._lives += 1
            return
        self._is_up = False
        with contextlib.suppress(LifeOver):
            await life.stop()
            self._ended(STOP)
            self._see_store()

    def kill(self) -> None:
        """End without any notice; what the operating system was told is on the disk."""
        self._crash(KILL)

    def power_cut(self) -> None:
        """End with the machine: only what was synced is sure to be on the disk."""
        self._crash(POWER_CUT)

    def _crash(self, cause: str) -> None:
        # Whoever waits for a start finds another number.
        self._lives += 1
        if self._starting is not None:
            self._starting.cancel()
            self._starting = None
        life = self._life
        if life is not None:
            self._sever(self.id, cause == POWER_CUT)
            life.crash(is_power_cut=cause == POWER_CUT)
            self._ended(cause)

    def _ended(self, cause: str) -> None:
        self._life, self._is_up = None, False
        self._tell(GatewayEnded(self._loop.now_us(), self.id, cause))

    # What a run does with it

    async def ask(self, work: Callable[[Gateway], Awaitable[T]]) -> T:
        """Return what `work(gateway)` returns, done as its own; it must be up. Raises LifeOver."""
        return await self._life.ask(work)

    def step_clock(self, seconds: float) -> None:
        """Let its time of day jump."""
        self.clock.step(seconds)

    async def give_keys(self, endpoints: Iterable[str]) -> dict[str, bytes]:
        """Share keys with nodes that have none yet; return the file of each, by endpoint."""
        ids = self._free_ids()
        made = {each: self._credentials(each, *next(ids)) for each in endpoints}
        await self.ask(lambda gateway: gateway.contexts.add_all(made.items()))
        return {endpoint: credentials.encode(each) for endpoint, each in made.items()}

    def _credentials(self, endpoint: str, sender_id: bytes, recipient_id: bytes) -> Credentials:
        random = self._random(f"keys/{endpoint}")
        return Credentials(random.randbytes(SECRET_LENGTH), random.randbytes(SALT_LENGTH),
                           sender_id, recipient_id)

    def _free_ids(self) -> Iterator[tuple[bytes, bytes]]:
        """Give what `Contexts.allocate_ids` would, one after another was taken."""
        prefix = bytes.fromhex(self._settings().keys.id_prefix)
        taken = {row.kid for row in self.gateway.contexts.rows()}
        for number in range(COUNTERS_PER_PREFIX):
            sender_id, recipient_id = (
                prefix + (2 * number + side).to_bytes(ID_COUNTER_BYTES, "big") for side in (0, 1))
            if sender_id not in taken:
                yield sender_id, recipient_id

    def counters(self) -> dict[str, int]:
        """Return what the gateway has counted in this life; nothing while it is down."""
        return {} if self.gateway is None else self.gateway.counters()

    def stored_ids(self) -> set[ReadingId]:
        """Return the numbered readings in the store, whether or not the gateway runs."""
        return store_reader.ids(self.data / DATABASE, self._is_up)

    def depths(self) -> dict[str, int]:
        """Return how many stored readings wait for each uplink; nothing while it is down."""
        if self.gateway is None:
            return {}
        return store_reader.sizes(self.data / DATABASE, self.gateway.settings.uplink)[1]

    def sample(self) -> dict[str, int]:
        """Return what there is of what could grow; nothing while it is down."""
        if self.gateway is None:
            return {}
        rows, waiting = store_reader.sizes(self.data / DATABASE, self.gateway.settings.uplink)
        return {
            "gateway_readings": rows,
            **{f"uplink_depth_{uplink}": depth for uplink, depth in waiting.items()},
            "gateway_tasks": len(self._loop.tasks(self._life)),
            "gateway_unsynced": self.disk.unsynced,
        }

    def _see_store(self) -> None:
        try:
            found = store_reader.contents(self.data / DATABASE, self._is_up)
        except apsw.Error:
            # Damaged beyond what a reader bears: the gateway itself will find and mend it.
            return
        self._tell(StoreSeen(self._loop.now_us(), self.id, *found))

    # Inner

    def _settings(self) -> Settings:
        return gateway_settings.parse(self._text, self.disk.folder, self.id)

    def _random(self, what: str) -> Random:
        return Random(f"{self._seed}/gateway/{self.id}/{what}")

    def _synced(self, name: str, size: int, digest: bytes) -> None:
        self._tell(StoreSynced(self._loop.now_us(), self.id, name, size, digest))

    def _make_key_file(self) -> None:
        settings = self._settings()
        if settings.gateway.security == "oscore":
            path = Path(settings.keys.key_file)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            key = self._random("key file").randbytes(KEY_BYTES)
            private_file.write_new(path, key.hex().encode() + b"\n")
