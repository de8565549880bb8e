"""What a disk of a long run keeps: as much as its whole log would say, and no more."""

import os
from random import Random

import apsw
import pytest

from simulator.crash_states import crash_states
from simulator.disk import Disk, Found, Trouble
from simulator.unsynced import Unsynced


class Both(Unsynced):
    """Keeps the whole log too."""

    def __init__(self):
        super().__init__()
        self.whole = []

    def add(self, entry, *rest):
        self.whole.append(entry)
        super().add(entry, *rest)

    def sync(self, sync):
        self.whole.append(sync)
        return super().sync(sync)


@pytest.fixture
def kept():
    return Both()


@pytest.fixture
def disk(kept):
    disk = Disk("bounded", kept)
    yield disk
    disk.close()


def opened(disk, path, mode="WAL"):
    connection = apsw.Connection(str(path), vfs=disk.name)
    connection.execute(f"PRAGMA journal_mode = {mode}; PRAGMA synchronous = FULL").fetchall()
    connection.execute("PRAGMA wal_autocheckpoint = 9").fetchall()
    return connection


def outcomes(log):
    """What may be left if power fails now: nothing, or all of what is under way."""
    states = [each for each in crash_states(log, Random(1), 0)]
    return [each.files for each in states[-2:]]


def assert_equal_outcomes(kept, folder):
    touched = {each.name for each in kept.log() if isinstance(each, Found)}
    nothing, everything = outcomes(kept.whole)[0], outcomes(kept.whole)[-1]
    shown = outcomes(kept.log())
    for name in touched:
        assert shown[0].get(name) == nothing.get(name), name
        assert shown[-1].get(name) == everything.get(name), name
    for name in nothing.keys() - touched:
        assert nothing[name] == (folder / name).read_bytes(), f"{name} is durable, and kept"


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_what_is_kept_tells_the_same_as_the_whole_log_at_every_step(tmp_path, disk, kept, mode):
    random = Random(7)
    connection = opened(disk, tmp_path / "s.db", mode)
    connection.execute("CREATE TABLE t (a, b)")
    is_under_way = []
    for step in range(30):
        connection.execute("INSERT INTO t VALUES (?, ?)", (step, random.randbytes(900)))
        if step % 3 == 0:
            connection.execute("DELETE FROM t WHERE a = ?", (random.randrange(step + 1),))
        if step % 5 == 0:
            disk.fail("sync", Trouble.IO, times=1)
            with pytest.raises(apsw.IOError):
                connection.execute("INSERT INTO t VALUES (-1, zeroblob(9000))")
            is_under_way.append(len(kept))
        assert_equal_outcomes(kept, tmp_path)
    assert max(is_under_way) > 0
    connection.close()


def test_what_is_kept_does_not_grow_with_time(tmp_path, disk, kept):
    connection = opened(disk, tmp_path / "s.db")
    connection.execute("CREATE TABLE t (a)")
    sizes = []
    for value in range(100):
        connection.execute("INSERT INTO t VALUES (?)", (str(value) * 500,))
        sizes.append(len(kept))
    assert max(sizes[50:]) <= max(sizes[:50]) and disk.log == []
    connection.close()


def test_file_that_was_renamed_is_another_file(tmp_path, disk, kept):
    connection = opened(disk, tmp_path / "new.db", "OFF")
    connection.execute("PRAGMA synchronous = OFF").fetchall()
    connection.execute("CREATE TABLE t (a)")
    connection.close()
    assert len(kept) > 0
    os.rename(tmp_path / "new.db", tmp_path / "s.db")
    opened(disk, tmp_path / "s.db").close()
    assert "new.db" not in {each.name for each in kept.log() if isinstance(each, Found)}
    paths, _ = kept.after_power_cut(Random(1))
    assert str(tmp_path / "new.db") not in paths


def test_state_after_a_power_cut_is_one_of_those_of_the_log(tmp_path, disk, kept):
    connection = opened(disk, tmp_path / "s.db")
    connection.execute("CREATE TABLE t (a)")
    disk.die_after(5)
    with pytest.raises(apsw.IOError):
        connection.execute("INSERT INTO t VALUES (randomblob(30000))")
    seen = {str(kept.after_power_cut(Random(seed))[1].files) for seed in range(30)}
    assert len(seen) > 2, "nothing, all, and parts"
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.close()
