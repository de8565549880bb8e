"""A gateway's disk over several lives: what each finds, and what goes wrong with it."""

from random import Random

import apsw
import pytest

from simulator.disk import Trouble
from simulator.gateway_disk import ENOUGH_BYTES, GatewayDisk


def disk_of(folder, synced=None, seed=1):
    told = [] if synced is None else synced
    return GatewayDisk(folder, Random(seed), lambda *what: told.append(what))


def opened(disk, vfs):
    connection = apsw.Connection(str(disk.folder / "s.db"), vfs=vfs)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 1000"):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    return connection


def values(disk):
    with apsw.Connection(str(disk.folder / "s.db")) as connection:
        found = [value for (value,) in connection.execute("SELECT a FROM t")]
    connection.close()
    return found


@pytest.mark.parametrize("is_power_cut", [False, True])
def test_what_was_committed_is_there_after_a_crash(tmp_path, is_power_cut):
    disk = disk_of(tmp_path / "gateway")
    connection = opened(disk, disk.mount())
    connection.execute("CREATE TABLE t (a); INSERT INTO t VALUES (1)")
    wreck = disk.crash(is_power_cut)
    wreck.clear()
    assert values(disk) == [1]


def test_nothing_that_the_dead_do_reaches_the_files_of_the_next_life(tmp_path):
    synced = []
    disk = disk_of(tmp_path / "gateway", synced)
    connection = opened(disk, disk.mount())
    connection.execute("CREATE TABLE t (a)")
    wreck, before = disk.crash(is_power_cut=False), len(synced)
    with pytest.raises(apsw.IOError):
        connection.execute("INSERT INTO t VALUES (2)")
        connection.execute("INSERT INTO t VALUES (zeroblob(9000000))")
    (tmp_path / "gateway" / "0" / "lines").write_text("written by the dead")
    wreck.clear()
    assert values(disk) == [] and len(synced) == before
    assert [each.name for each in (tmp_path / "gateway").iterdir()] == ["1"]
    assert not (disk.folder / "lines").exists()


def test_lying_disk_loses_after_a_power_cut_what_it_called_synced(tmp_path):
    lost = set()
    for seed in range(8):
        disk = disk_of(tmp_path / str(seed), seed=seed)
        connection = opened(disk, disk.mount())
        connection.execute("CREATE TABLE t (a)")
        disk.lie()
        connection.execute("INSERT INTO t VALUES (1)")
        disk.crash(is_power_cut=True).clear()
        lost.add(len(values(disk)))
    assert lost == {0, 1}


def test_full_disk_and_failing_disk_stay_so_in_the_next_life(tmp_path):
    disk = disk_of(tmp_path / "gateway")
    connection = opened(disk, disk.mount())
    connection.execute("CREATE TABLE t (a)")
    assert disk.free_bytes("") == ENOUGH_BYTES
    disk.room_bytes = 0
    disk.fail("read", Trouble.IO)
    disk.crash(is_power_cut=False).clear()
    vfs = disk.mount()
    with pytest.raises(apsw.IOError):
        opened(disk, vfs).execute("SELECT a FROM t").fetchall()
    assert disk.free_bytes("") == 0
    disk.heal()
    assert opened(disk, vfs).execute("SELECT a FROM t").fetchall() == []
    disk.crash(is_power_cut=False).clear()


def test_rot_flips_so_many_bits_of_the_store(tmp_path):
    disk = disk_of(tmp_path / "gateway")
    connection = opened(disk, disk.mount())
    connection.execute("CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob(100000))")
    files = sorted(disk.folder.glob("s.db*"))
    before = {each: each.read_bytes() for each in files if not each.name.endswith("-shm")}
    assert len(disk.rot(5)) == 5
    flipped = sum(
        (one ^ other).bit_count()
        for file, content in before.items()
        for one, other in zip(content, file.read_bytes(), strict=True))
    assert flipped == 5
    disk.crash(is_power_cut=False).clear()


def test_digest_of_what_is_synced_is_the_same_whatever_salts_sqlite_draws(tmp_path):
    def told(folder):
        synced = []
        disk = disk_of(folder, synced)
        connection = opened(disk, disk.mount())
        connection.execute("CREATE TABLE t (a)")
        connection.execute("INSERT INTO t VALUES (1)")
        disk.crash(is_power_cut=False).clear()
        return synced, (disk.folder / "s.db-wal").read_bytes()[16:24]

    (first, salts), (second, other_salts) = told(tmp_path / "a"), told(tmp_path / "b")
    assert first == second and salts != other_salts
