"""The disk of simulations: what it calls durable, and how it fails."""

import contextlib
import itertools
from random import Random

import apsw
import pytest

from simulator.crash_states import crash_states
from simulator.disk import Create, Disk, Found, Note, Resize, Sync, Trouble, Write, cut, flip_bit

JOURNAL = 7


@pytest.fixture
def disk():
    disk = Disk("simulated")
    yield disk
    disk.close()


def opened(disk, path):
    connection = apsw.Connection(str(path), vfs=disk.name)
    connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL").fetchall()
    return connection


def states(*log, subsets=0, seed=1):
    return list(crash_states(log, Random(seed), subsets))


def test_what_was_synced_is_durable_and_the_rest_may_be():
    log = (Found("f", 1, b"abc"), Write(1, 0, b"x"), Sync(1, False), Write(1, 1, b"y"))
    contents = [(each.name, each.files["f"]) for each in states(*log)]
    assert contents == [("2 none", b"abc"), ("2 all", b"xbc"), ("4 none", b"xbc"),
                        ("4 all", b"xyc")]


def test_sync_of_one_file_is_not_that_of_another():
    log = (Found("a", 1, b"-"), Found("b", 2, b"-"), Write(1, 0, b"a"), Write(2, 0, b"b"),
           Sync(1, False))
    last = states(*log)[-2]
    assert (last.name, last.files) == ("5 none", {"a": b"a", "b": b"-"})


def test_new_file_may_be_missing_until_its_folder_is_synced():
    log = (Create("f", JOURNAL), Write(JOURNAL, 0, b"x"), Sync(JOURNAL, False))
    assert [each.files for each in states(*log)] == [{}, {"f": b"x"}] * 2
    assert states(*log, Sync(None, True))[-1].files == {"f": b"x"}


def test_any_subset_may_have_arrived_and_the_last_write_is_torn():
    writes = [Write(1, 512 * index, bytes((index,)) * 1024) for index in range(1, 6)]
    found = {each.files["f"] for each in states(Found("f", 1, b""), *writes, subsets=200)}
    assert len(found) > 50
    assert any(content[512:1024] == bytes(512) and content[2560:] for content in found)
    assert any(content.count(5) == 512 for content in found), "the last write torn at a sector"


def test_file_may_have_grown_without_the_data():
    log = (Found("f", 1, b""), Write(1, 0, b"x" * 512), Resize(1, 512))
    assert any(each.files["f"] == bytes(512) for each in states(*log, subsets=50))


def test_same_seed_gives_the_same_states():
    log = [Found("f", 1, b""), *(Write(1, 700 * index, b"x" * 900) for index in range(9))]
    assert states(*log, subsets=9) == states(*log, subsets=9)
    assert states(*log, subsets=9) != states(*log, subsets=9, seed=2)


def test_notes_stand_where_they_were_made():
    log = (Note("a"), Sync(None, True), Note("b"))
    assert [each.notes for each in states(*log)] == [("a",), ("a", "b")]


def test_last_state_of_a_log_is_the_files_as_they_are(tmp_path, disk):
    connection = opened(disk, tmp_path / "s.db")
    connection.execute("CREATE TABLE t (a)")
    for value in range(100):
        connection.execute("INSERT INTO t VALUES (?)", (str(value) * 500,))
    *_, last = crash_states(disk.log, Random(1), 0)
    for name in ("s.db", "s.db-wal"):
        assert last.files[name] == (tmp_path / name).read_bytes()
    connection.close()


@pytest.mark.parametrize(("trouble", "error"), [
    (Trouble.FULL, apsw.FullError), (Trouble.IO, apsw.IOError),
    (Trouble.READ_ONLY, apsw.ReadOnlyError)])
def test_writes_fail_on_request_until_healed(tmp_path, disk, trouble, error):
    connection = opened(disk, tmp_path / "s.db")
    connection.execute("CREATE TABLE t (a)")
    disk.fail("write", trouble, after=1)
    with pytest.raises(error):
        connection.execute("INSERT INTO t VALUES (1)")
    disk.heal()
    connection.execute("INSERT INTO t VALUES (2)")
    assert connection.execute("SELECT a FROM t").fetchall() == [(2,)]
    connection.close()


def test_fault_can_be_over_after_some_times(tmp_path, disk):
    connection = opened(disk, tmp_path / "s.db")
    disk.fail("sync", Trouble.IO, times=1)
    with pytest.raises(apsw.IOError):
        connection.execute("CREATE TABLE t (a)")
    connection.execute("CREATE TABLE t (a)")
    connection.close()


def test_room_is_for_all_files_together_and_overwriting_needs_none(tmp_path, disk):
    connection = opened(disk, tmp_path / "s.db")
    connection.execute("CREATE TABLE t (a)")
    disk.room_bytes = 64 * 1024
    with pytest.raises(apsw.FullError):
        for value in itertools.count():
            connection.execute("INSERT INTO t VALUES (?)", (str(value) * 500,))
    total = sum(each.stat().st_size for each in tmp_path.iterdir() if each.suffix != ".db-shm")
    assert total <= 64 * 1024
    disk.heal()
    connection.execute("INSERT INTO t VALUES (1)")
    connection.close()


def asked(disk, path, query):
    """Return what a connection of its own answers."""
    with contextlib.closing(apsw.Connection(str(path), vfs=disk.name)) as connection:
        return connection.execute(query).fetchall()


def test_rot_is_found_by_the_next_reader(tmp_path, disk):
    path = tmp_path / "s.db"
    connection = opened(disk, path)
    connection.execute("CREATE TABLE t (a)")
    connection.close()
    flip_bit(path, 8 * 4096)
    flip_bit(path, 8 * 4096)
    assert asked(disk, path, "PRAGMA integrity_check") == [("ok",)]
    flip_bit(path, 8 * 4096)
    with pytest.raises(apsw.CorruptError):
        asked(disk, path, "PRAGMA integrity_check")
    cut(path, 4096)
    with pytest.raises(apsw.CorruptError):
        asked(disk, path, "SELECT * FROM t")
