"""An open store, and rows for it."""

import asyncio

from gateway.rows import CommandRow, NodeRow
from gateway.store import Store, one_thread
from protocol.number import Decimal
from tests.gateway.uplink_rows import EPOCH

NODE = NodeRow("lamp", "r1", "[::1]:5683", "1.1", "UQ", True, 60, "</3/0>", 1, 2, 3)
COMMAND = CommandRow(
    *("c1", "lamp", "write", 1000, 2000),
    path="/3416/0/49",
    value=Decimal(15, -1),
    origin="city",
    response_topic="answers",
    correlation=b"\x01",
)


def run(path, scenario, new_executor=one_thread, epoch=EPOCH, **options):
    """Return what the coroutine function `scenario` returns, given an open store at `path`."""

    async def main():
        store = Store(str(path), new_executor, **{"measurement_ms": 50, **options})
        await store.open(epoch)
        try:
            return await scenario(store)
        finally:
            await store.close()

    return asyncio.run(main())
