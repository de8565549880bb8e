"""A scripted life of a street, as a program: it prints a digest of all that happened.

`python -m tests.simulator.gateway_replay SEED [FILE]`; the happenings go into FILE, line by line.
"""

import asyncio
import logging
import sys
import tempfile
from pathlib import Path

from gateway.commands import Request
from simulator import virtual_time
from tests.simulator.gateway_street import SimStreet

NODES = 20


async def main(folder: str, seed: int) -> SimStreet:
    street = SimStreet(folder, seed, NODES)
    gateway, disk = street.gateway, street.gateway.disk
    await street.begin()
    lamp = next(place.endpoint for place in street.places if place.furniture == "lamp")
    await asyncio.sleep(240)
    await gateway.ask(lambda real: real.contexts.rotate(lamp))
    await gateway.ask(lambda real: real.submit(Request("c-1", lamp, "dim", level=30, for_s=600)))
    disk.room_bytes = 0
    await asyncio.sleep(61.3)
    gateway.kill()
    disk.heal()
    await asyncio.sleep(20)
    gateway.restart()
    await asyncio.sleep(200)
    gateway.step_clock(-7200)
    disk.sync_delay_s = 0.5
    await asyncio.sleep(130.2)
    gateway.power_cut()
    disk.heal()
    disk.rot(3)
    await asyncio.sleep(40)
    gateway.restart()
    await asyncio.sleep(300)
    await gateway.stop()
    await gateway.start()
    await asyncio.sleep(100)
    await street.end()
    return street


if __name__ == "__main__":
    logging.disable()
    with tempfile.TemporaryDirectory() as folder:
        street = virtual_time.run(lambda: main(folder, int(sys.argv[1])))
    for file in sys.argv[2:]:
        Path(file).write_text("\n".join(map(repr, street.told)))
    print(street.digest(), len(street.told))
