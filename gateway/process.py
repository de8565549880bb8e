"""A gateway as a process of its own: its settings, log and signals, and its doors."""

import asyncio
import gc
import logging
import signal
import sys
from random import SystemRandom

from gateway import api, http_door, settings_check
from gateway import settings as gateway_settings
from gateway.composition import StartError, clock_of, locked, transport_of
from gateway.service import Gateway
from gateway.settings import Settings

__all__ = ["StartError", "run"]

GC_THRESHOLDS = (10_000, 50, 1000)
"""A full collection of a loaded gateway stalls the event loop: rarer, since little is cyclic."""

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
LOG_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S%z"  # ISO 8601: local time with its zone

log = logging.getLogger("gateway")


def run(settings_path: str) -> None:
    """Run a gateway until SIGTERM or SIGINT. Raises SettingsError and StartError."""
    settings = gateway_settings.load(settings_path)
    settings_check.check(settings)
    level = settings.gateway.log_level.upper()
    logging.basicConfig(level=level, stream=sys.stderr, format=LOG_FORMAT,
                        datefmt=LOG_TIME_FORMAT)
    # What peers do wrong is said once a minute by the parts that refuse it.
    logging.getLogger("gateway.coap").setLevel(max(logging.WARNING, logging.getLevelName(level)))
    gc.set_threshold(*GC_THRESHOLDS)
    with locked(settings.gateway.data):
        asyncio.run(_serve(settings, settings_path))


async def _serve(settings: Settings, settings_path: str) -> None:
    gateway = Gateway(
        settings,
        transport=transport_of(settings),
        clock=clock_of(settings),
        random=SystemRandom(),
    )
    gateway.settings_path = settings_path
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await gateway.start()
    try:
        management = settings.management
        async with (api.serving(gateway, management.socket, management.group),
                    http_door.serving(gateway)):
            gc.freeze()
            log.info("gateway %s listens on %s", settings.gateway.id, settings.gateway.listen)
            await stopping.wait()
            log.info("stopping")
    finally:
        await gateway.stop()
