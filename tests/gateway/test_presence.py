"""The registration interface: what follows from a Register or Update, whatever the store does."""

import asyncio

from gateway.clock import SystemClock
from gateway.coap_server import Incoming
from gateway.presence import KNOWN_NODES_PER_REGISTERED_MAX, Presence
from gateway.sessions import Sessions
from gateway.store import Store, StoreError
from tests.portable import seeded_bytes

LINKS = b"</1/0>,</3/0>,</3303/0>"
NODES_MAX = 2


class Diary:
    """Notes what a follower hears."""

    def __init__(self):
        self.lines = []

    def registered(self, session):
        self.lines.append(("registered", session.peer))

    def attend(self, session):
        self.lines.append(("attend", session.peer))

    def superseded(self, session):
        self.lines.append(("superseded", session.peer))

    def ended(self, session):
        self.lines.append(("ended", session.peer))


class FailingStore(Store):
    """A store that cannot save nodes while `is_full`."""

    is_full = False

    async def save_node(self, row):
        if self.is_full:
            raise StoreError("full", "disk full")
        await super().save_node(row)


class House:
    """A presence over a store, and what it tells."""

    def __init__(self, folder):
        seeds = iter(range(10_000))
        self.store = FailingStore(str(folder / "store.db"), urgent_ms=1)
        self.sessions = Sessions(lambda count: seeded_bytes(next(seeds), count), NODES_MAX)
        self.presence = Presence(self.sessions, self.store, SystemClock(), str, NODES_MAX)
        self.diary = Diary()
        self.presence.follow(self.diary)

    async def register(self, endpoint="n", peer="here"):
        queries = (f"ep={endpoint}", "lt=60", "lwm2m=1.1", "b=U")
        return await self.presence.register(Incoming(peer, queries, 40, LINKS))

    async def update(self, registration_id, peer="here"):
        await self.presence.update(registration_id, Incoming(peer, (), None, b""))


def run(folder, case):
    async def main():
        house = House(folder)
        await house.store.open(1)
        try:
            return await case(house)
        finally:
            await house.store.close()

    return asyncio.run(main())


def test_node_that_moved_is_not_gone_and_what_it_was_asked_is_asked_anew(tmp_path):
    async def case(house):
        location = await house.register()
        await house.update(location, "there")
        return house.diary.lines

    lines = run(tmp_path, case)
    assert lines == [("registered", "here"), ("superseded", "here"), ("attend", "there")]


def test_registration_that_cannot_be_stored_counts_in_memory_and_is_stored_later(tmp_path):
    async def case(house):
        await house.register()
        house.store.is_full = True
        location = await house.register(peer="there")
        in_memory = house.presence.row("n").registration_id
        house.store.is_full = False
        await house.presence.flush()
        (stored,) = await house.store.nodes()
        assert house.presence.counters["not stored"] == 1
        assert location == in_memory == stored.registration_id
        return house.diary.lines

    assert run(tmp_path, case)[1:] == [("superseded", "here"), ("registered", "there")]


def test_node_is_away_from_the_end_of_its_registration_until_it_reports_again(tmp_path):
    async def case(house):
        said = []
        location = await house.register()
        said.append(house.presence.was_away(house.sessions.get("n")))
        await house.presence.deregister(location, Incoming("peer", (), None, b""))
        restarted = Presence(house.sessions, house.store, SystemClock(), str, NODES_MAX)
        await restarted.restore(lambda endpoint, address: address)
        await house.register()
        session = house.sessions.get("n")
        said += [house.presence.was_away(session), restarted.was_away(session)]
        house.presence.is_back(session)
        return [*said, house.presence.was_away(session)]

    assert run(tmp_path, case) == [False, True, True, False]


def test_facts_that_come_while_a_node_registers_anew_spoil_nothing(tmp_path):
    async def case(house):
        await house.register()
        facts = {"/3/0/0": "Maker"}
        location, _ = await asyncio.gather(
            house.register(), house.presence.save_facts("n", facts)
        )
        (stored,) = await house.store.nodes()
        return location, house.presence.row("n"), stored

    location, row, stored = run(tmp_path, case)
    assert location == row.registration_id == stored.registration_id
    assert row.facts == stored.facts == (("/3/0/0", "Maker"),)


def test_longest_gone_node_is_forgotten_for_a_new_one(tmp_path):
    async def case(house):
        known = NODES_MAX * KNOWN_NODES_PER_REGISTERED_MAX
        for number in range(known + 1):
            location = await house.register(f"n{number}", f"peer{number}")
            await house.presence.deregister(location, Incoming("peer", (), None, b""))
        return [row.endpoint for row in await house.store.nodes()]

    endpoints = run(tmp_path, case)
    assert len(endpoints) == NODES_MAX * KNOWN_NODES_PER_REGISTERED_MAX
    assert "n0" not in endpoints and "n8" in endpoints
