"""What fills the gateway's seams in a real process: sockets, clocks, uplinks' clients."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

from gateway import settings_check, vault
from gateway.clock import Clock, NtpClock, ScaledClock, SystemClock
from gateway.coap_transport import Peer, UdpTransport
from gateway.contexts import Contexts
from gateway.sessions import Session
from gateway.settings import FileUplink as FileSettings
from gateway.settings import Settings, SettingsError
from gateway.store import NewExecutor, Store, StoreError
from gateway.uplinks import mqtt_client
from gateway.uplinks.file import FileUplink
from gateway.uplinks.mqtt import Connect, MqttUplink, OnCommand
from gateway.uplinks.pump import Pump
from gateway.uplinks.senml_pack import UnitsOf
from gateway.vault import VaultError

LOCK = "faubourg.lock"

Uplinks = dict[str, tuple[Pump, FileUplink | MqttUplink]]


class StartError(Exception):
    """The gateway cannot start; the text says what is in the way."""


def listen_error(listen: str, error: OSError) -> StartError:
    """Return why nothing can be received at `gateway.listen`."""
    reason = f"{error.strerror or error}{_LISTEN_HINTS.get(error.errno, '')}"
    return StartError(f"gateway.listen = {listen}: {reason}")


_LISTEN_HINTS = {
    errno.EADDRINUSE: "; does another gateway run there?",
    errno.EADDRNOTAVAIL: "; allowed are this machine's own addresses, [::] for all of them",
    errno.EACCES: "; ports below 1024 are for the administrator",
}


def start_error(key: str, path: str, error: OSError) -> StartError | SettingsError:
    """Return why the path under `key` cannot be used; SettingsError where waiting cannot help."""
    text = f"{key} = {path}: {error.strerror or error}"
    return StartError(text) if settings_check.is_passing(error) else SettingsError(text)


async def contexts_of(
    settings: Settings, store: Store, clock: Clock, random: Random
) -> Contexts:
    """Return the nodes' contexts, taken over from an open store; it is closed on an error.

    Raises StartError where they cannot be read, and for a key that does not fit them.
    """
    try:
        has_contexts = bool(await store.contexts())
        opened = vault.load(settings.keys.key_file, may_make=not has_contexts,
                            random_bytes=random.randbytes)
        contexts = Contexts(
            store, opened, clock, random.randbytes, bytes.fromhex(settings.keys.id_prefix))
        await _open_contexts(contexts, settings.keys.key_file)
    except (StoreError, VaultError) as error:
        await store.close()
        raise StartError(f"the nodes' keys: {error}") from error
    return contexts


async def _open_contexts(contexts: Contexts, key_file: str) -> None:
    try:
        await contexts.open()
    except VaultError as error:
        raise VaultError(f"{error}; put the key (keys.key_file = {key_file}, or the credential "
                         "of systemd) back that this store had, or restore a backup") from error


def peer_of(address: str) -> Peer:
    """Return the (host, port) of "host:port" or "[host]:port"."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def clock_of(settings: Settings) -> Clock:
    """Return the clock that the settings ask for."""
    if settings.scaled_time is not None:
        scaled = settings.scaled_time
        return ScaledClock(scaled.real_s, scaled.shown_s, scaled.speed)
    return SystemClock() if settings.gateway.time == "system" else NtpClock()


def disk_free(folder: str) -> int:
    """Return the bytes that are left for us on a folder's disk; raises OSError."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def transport_of(settings: Settings) -> UdpTransport:
    """Return the sockets that the settings ask for; `[::]` means IPv4 too."""
    host, port = peer_of(settings.gateway.listen)
    listen = [(host, port)]
    if host == "::":
        listen.append(("0.0.0.0", port))
    return UdpTransport(listen)


@contextlib.contextmanager
def locked(folder: str) -> Iterator[None]:
    """Hold the data folder: two gateways on one store would take each other's readings.

    Raises StartError if another process has it, SettingsError if it cannot be a data folder. The
    kernel lets go when the process ends.
    """
    try:
        Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(Path(folder) / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise start_error("gateway.data", folder, error) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartError(f"gateway.data = {folder}: another gateway runs with it") from None
        yield
    finally:
        os.close(descriptor)


class UplinkBuilder:
    """Builds the uplinks of the settings; `connect` makes connections to a broker."""

    def __init__(self, connect: Connect = mqtt_client.connect) -> None:
        self._connect = connect

    def build(
        self,
        settings: Settings,
        store: Store,
        clock: Clock,
        random: Random,
        new_executor: NewExecutor,
        on_command: OnCommand,
        units_of: UnitsOf,
    ) -> Uplinks:
        """Return each uplink with its pump, by its name."""
        built: Uplinks = {}
        for name, uplink in settings.uplink.items():
            pump = Pump(name, store, clock.unix_ms, units_of)
            if isinstance(uplink, FileSettings):
                executor = new_executor(f"uplink {name}")
                built[name] = (pump, FileUplink(uplink, pump, executor, random.random))
            else:
                gateway_id = settings.gateway.id
                mqtt = MqttUplink(
                    uplink,
                    gateway_id,
                    pump,
                    store,
                    clock,
                    self._connect,
                    random.random,
                    on_command,
                )
                built[name] = (pump, mqtt)
        return built


class StateReports:
    """Tells the uplinks which nodes come and go."""

    def __init__(self, uplinks: Uplinks) -> None:
        self._brokers = [each for _, each in uplinks.values() if isinstance(each, MqttUplink)]

    def registered(self, session: Session) -> None:
        for broker in self._brokers:
            broker.node_state(session.endpoint, "registered")

    def attend(self, session: Session) -> None:
        pass

    def superseded(self, session: Session) -> None:
        pass

    def ended(self, session: Session) -> None:
        for broker in self._brokers:
            broker.node_state(session.endpoint, "gone")
