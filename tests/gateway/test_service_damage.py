"""A whole gateway on a damaged store: it starts, it runs on, and it says what it has done."""

import asyncio
from pathlib import Path

import apsw
import cbor2
import pytest

from gateway.rows import Lane
from gateway.service import DATABASE
from gateway.store import StoreError
from protocol import coap_message as coap
from simulator.disk import PAGE_BYTES, overwrite
from tests.gateway.service_street import client, running
from tests.gateway.test_coap_security import LAMP, street
from tests.gateway.test_key_rotation import renewed
from tests.gateway.uplink_rows import row

LIMIT_S = 60
HEAD_BYTES = 64


def journal(number):
    """A pack of one reading with its number."""
    return [{0: "/42800/0/0", 2: 1}, {0: "/42800/0/1", 3: str(number)},
            {0: "/42800/0/2", 2: number}, {0: "/42800/0/4", 2: number},
            {0: "/42800/0/5", 2: 1}, {0: "/3303/0/5700", 2: number}]


async def sent(node, numbers):
    """Send until each is acknowledged, as a node does; return the codes that were refusals."""
    refusals = []
    for number in numbers:
        for _ in range(1000):
            code = str((await node.send(journal(number))).code)
            if code.startswith("2.04"):
                break
            refusals.append(code[:4])
            await asyncio.sleep(0.02)
    return refusals


def tear_the_readings(path):
    """Zero the head of the readings' first page: SQLite reads nothing of it any more."""
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(30_000)
    query = "SELECT rootpage FROM sqlite_schema WHERE name = 'readings'"
    root = connection.execute(query).get
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    connection.close()
    overwrite(path, (root - 1) * PAGE_BYTES, bytes(HEAD_BYTES))


LINKS = b"</1/0>,</3/0>,</3303/0>,</42800/0>"
OURS = "urn:dev:mac:020000fffe000101"


def test_gateway_mends_its_store_while_nodes_send(tmp_path):
    async def scenario():
        # Under OSCORE nodes hear nothing while the store fails: nothing to tell when it does.
        async with running(tmp_path, security="none") as (gateway, port), client(port) as node:
            await node.register(OURS, links=LINKS)
            await gateway.store.commit_pack([row(n, "other") for n in range(1, 501)], urgent=True)
            before = await sent(node, range(1, 21))
            tear_the_readings(Path(tmp_path) / "data" / DATABASE)
            with pytest.raises(StoreError):
                await gateway.store.readings("other", 1)
            during = await sent(node, range(21, 41))
            stored = await gateway.store.readings_count()
            kinds = {each.kind for each in (await gateway.status()).incidents}
            update = await node.update()
            return before, set(during), stored, kinds, str(update.code)[:4]

    before, during, stored, kinds, update = asyncio.run(
        asyncio.wait_for(scenario(), LIMIT_S))
    assert (before, during, stored, update) == ([], {"5.03"}, 540, "2.04")
    assert "store_salvaged" in kinds


def test_gateway_starts_on_a_damaged_store_and_doubles_nothing(tmp_path):
    # aiocoap's client cannot follow to the fresh keys that a salvaged store gives under OSCORE.
    async def first():
        async with running(tmp_path, security="none") as (gateway, port), client(port) as node:
            await node.register(OURS, links=LINKS)
            await sent(node, range(1, 21))
            while (await gateway.store.backlog("file", Lane.MEASUREMENT)).count:
                await asyncio.sleep(0.02)

    async def second():
        async with running(tmp_path, security="none") as (gateway, port), client(port) as node:
            status = await gateway.status()
            await node.register(OURS, links=LINKS)
            await sent(node, range(15, 31))  # some of them again: their answer was lost
            stored = await gateway.store.readings_count()
            while (await gateway.store.backlog("file", Lane.MEASUREMENT)).count:
                await asyncio.sleep(0.02)
            return status.incidents[0].kind, stored

    asyncio.run(asyncio.wait_for(first(), LIMIT_S))
    tear_the_readings(Path(tmp_path) / "data" / DATABASE)
    assert asyncio.run(asyncio.wait_for(second(), LIMIT_S)) == ("store_salvaged", 30)
    text = (tmp_path / "data/readings.jsonl").read_text()
    values = sorted(int(part.split(",")[0].split("}")[0]) for part in text.split('"v":')[1:])
    assert values == list(range(1, 31))


def test_node_goes_on_under_fresh_keys_after_a_start_on_a_damaged_store(tmp_path):
    async def send_all(lamp, numbers):
        assert (await lamp.register(links=LINKS)).code == coap.CREATED
        for number in numbers:
            assert (await lamp.send(cbor2.dumps(journal(number)))).code == coap.CHANGED

    async def first():
        async with street(tmp_path, ("lamp", LAMP)) as (_, _, lamp):
            await send_all(lamp, range(1, 21))
            return lamp.sequence

    async def second(sequence):
        async with street(tmp_path, ("lamp", LAMP)) as (gateway, _, lamp):
            lamp.use(LAMP, sequence)
            lamp.use(LAMP.renewed(await renewed(lamp)))
            await send_all(lamp, range(15, 31))
            return await gateway.store.readings_count()

    sequence = asyncio.run(asyncio.wait_for(first(), LIMIT_S))
    tear_the_readings(Path(tmp_path) / "data" / DATABASE)
    assert asyncio.run(asyncio.wait_for(second(sequence), LIMIT_S)) == 30
