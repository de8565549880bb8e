"""The ledger in the store: what it says of every number is what a naive model says."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gateway import ledger, store_commands, store_ledger
from gateway.ledger import Statement
from gateway.store import InlineExecutor, Store
from tests.gateway.open_store import run
from tests.gateway.uplink_rows import EPOCH, TIME_MS, row

BOOTS = (7, 8, 9)
number = st.integers(1, 20)
span = st.tuples(number, number).map(sorted).map(lambda pair: (*pair, "full"))
packs = st.fixed_dictionaries({
    "boot": st.sampled_from(BOOTS),
    "numbers": st.sets(number, max_size=6),
    "oldest": st.none() | number,
    "oldest_boot": st.none() | st.sampled_from(BOOTS),
    "dropped": st.lists(span, max_size=1).map(tuple),
    "is_returning": st.sampled_from([False] * 5 + [True]),
})


class Naive:
    """Every number of every boot, one by one; `closed` boots hold nothing."""

    def __init__(self):
        self.states, self.last, self.oldest = {}, {}, {}
        self.oldest_boot, self.closed = {}, set()

    def take(self, boot, numbers, oldest, oldest_boot, dropped, is_returning):
        states = self.states.setdefault(boot, {})
        is_new = boot not in self.last
        is_news = is_new or oldest_boot not in (None, self.oldest_boot.get(boot))
        if is_returning:
            for each in set(self.last) - self.closed:
                self.oldest[each] = None
        before = self.oldest.get(boot)
        fresh = {n for n in numbers if states.get(n) != "received"}
        states.update(dict.fromkeys(fresh, "received"))
        told = [n for first, last, _ in dropped for n in range(first, last + 1)]
        for n in told:
            if states.get(n, "missing") == "missing":
                states[n] = "dropped: full"
        if oldest is not None:
            self.oldest[boot] = max(before or 0, oldest)
        settled = (self.oldest.get(boot) or 1) - 1
        self.last[boot] = max(self.last.get(boot, 0), *numbers, *told, settled, 0)
        reason = "elsewhere" if before is None or is_returning else "missing"
        for n in range(1, settled + 1):
            states.setdefault(n, reason)
        self.oldest_boot[boot] = oldest_boot or self.oldest_boot.get(boot)
        self.closed.discard(boot)
        if is_news:
            self._close_others(boot, oldest_boot)
        return len(fresh)

    def _close_others(self, boot, oldest_boot):
        for other in set(self.last) - self.closed - {boot}:
            if other > boot or (oldest_boot is not None and other >= oldest_boot):
                continue
            reason = "node reset"
            if self.oldest_boot[other] is not None:
                reason = "elsewhere" if self.oldest.get(other) is None else "missing"
            for n in range(1, self.last[other] + 1):
                self.states[other].setdefault(n, reason)
            self.closed.add(other)

    def complete(self):
        return {boot: {n: self.states[boot].get(n, "pending") for n in range(1, last + 1)}
                for boot, last in self.last.items()}


def states(story):
    claims = [(n, "received") for first, last in story.received for n in range(first, last + 1)]
    claims += [(n, "pending") for first, last in story.account.pending
               for n in range(first, last + 1)]
    claims += [(n, gap.reason) for gap, _ in story.gaps for n in range(gap.first, gap.last + 1)]
    assert len(dict(claims)) == len(claims), "a number is two things at once"
    return dict(sorted(claims))


async def told(history):
    with tempfile.TemporaryDirectory() as folder:
        store = Store(str(Path(folder) / "s.db"), InlineExecutor, urgent_ms=0)
        await store.open(EPOCH)
        naive = Naive()
        for pack in history:
            numbers = sorted(pack["numbers"])
            said = {name: pack[name] for name in
                    ("oldest", "oldest_boot", "dropped", "is_returning")}
            statement = Statement("lamp", pack["boot"], TIME_MS, **said)
            rows = [row(n, boot=pack["boot"]) for n in numbers]
            result = await store.commit_pack(rows, True, statement)
            assert result.stored == naive.take(pack["boot"], numbers, **said)
            found = {each.account.boot: states(each) for each in await store.boots("lamp")}
            assert found == naive.complete()
            missing = sum(state == "missing" for boot in found.values() for state in boot.values())
            assert (await store.missing_by_node()).get("lamp", 0) == missing
        check = await store.verify()
        await store.close()
        assert check.is_sound


@given(st.lists(packs, max_size=7))
def test_store_says_of_every_number_what_a_naive_model_says(history):
    asyncio.run(told(history))


def test_boots_of_a_node_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(store_ledger, "BOOTS_PER_NODE_MAX", 3)

    async def scenario(store):
        for boot in range(1, 9):
            statement = Statement("lamp", boot, TIME_MS, oldest=2, last=4, oldest_boot=boot)
            await store.commit_pack([row(2, boot=boot)], True, statement)
        return [story.account.boot for story in await store.boots("lamp")]

    assert run(tmp_path / "s.db", scenario) == [5, 6, 7, 8]


def test_gaps_of_a_boot_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(store_ledger, "GAPS_PER_BOOT_MAX", 3)

    async def scenario(store):
        for n in range(1, 20, 2):
            statement = Statement("lamp", 1, TIME_MS, oldest=n, refused=((n + 1, "text"),))
            await store.commit_pack([row(n)], True, statement)
        (story,) = await store.boots("lamp")
        return [gap.first for gap, _ in story.gaps]

    assert run(tmp_path / "s.db", scenario) == [16, 18, 20]


def test_missing_readings_are_one_incident_for_a_while_and_all_are_named(tmp_path):
    async def scenario(store):
        later_ms = TIME_MS + store_commands.INCIDENT_EVERY_MS + 1
        for n, time_ms in ((1, TIME_MS), (3, TIME_MS), (6, TIME_MS + 9), (8, later_ms)):
            await store.commit_pack([row(n)], True, Statement("lamp", 1, time_ms, oldest=n))
        return [(each.kind, each.detail) for each in await store.incidents(9)]

    assert run(tmp_path / "s.db", scenario) == [
        ("readings_missing", "boot 1: 2,4-5,7; 4 in all"),
        ("readings_missing", "boot 1: 2,4-5; 3 in all"),
    ]


def test_the_usual_pack_reads_and_writes_one_account_and_no_gap(tmp_path):
    async def scenario(store):
        statements = []
        connection = store._file._writing
        for first in (1, 9):
            connection.trace_v2(1, lambda event: statements.append(event["sql"]))
            statement = Statement("lamp", 1, TIME_MS, oldest=first, last=first + 7, oldest_boot=1)
            await store.commit_pack([row(n) for n in range(first, first + 8)], True, statement)
            if first == 1:
                statements.clear()
        connection.trace_v2(0, None)
        return [each for each in statements if "boots" in each or "gaps" in each]

    used = run(tmp_path / "s.db", scenario)
    assert [each.split()[0] for each in used] == ["SELECT", "UPDATE"]
    assert ledger.RANGES_MAX <= store_ledger.GAPS_PER_BOOT_MAX
