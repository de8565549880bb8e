"""A backup's archive and the store in it: whole, consistent, and never believed too much."""

import asyncio
import contextlib
import io
import stat
import tarfile
from dataclasses import replace

import apsw
import pytest

from gateway import backup, store_restore
from gateway.backup import Contents, Manifest
from gateway.rows import CommandState
from gateway.sealed_file import SealedFileError
from gateway.store import StoreError
from tests.gateway.open_store import COMMAND, NODE, run
from tests.gateway.uplink_rows import EPOCH, TIME_MS, row

CONTENTS = Contents(Manifest("quai", "0.1.0", TIME_MS), b"[gateway]\n", bytes(range(32)))


def nothing_to_reseal(connection):
    return 0


def archived(folder, store=b"x" * 70_000, contents=CONTENTS):
    (folder / "copy").write_bytes(store)
    return b"".join(backup.archive(contents, folder / "copy"))


def extracted(data, place):
    return backup.extract(io.BytesIO(data), lambda contents: place)


def test_archive_gives_back_what_went_in(tmp_path):
    out = tmp_path / "out"
    assert extracted(archived(tmp_path), out) == CONTENTS
    assert out.read_bytes() == b"x" * 70_000
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_archive_is_one_that_tar_reads(tmp_path):
    with tarfile.open(fileobj=io.BytesIO(archived(tmp_path))) as members:
        assert members.getnames() == ["backup.json", "gateway.toml", "keys.key", "faubourg.db"]


@pytest.mark.parametrize("size", [0, 511, 600, 1024, 40_000])
def test_archive_that_ends_too_soon_is_refused(tmp_path, size):
    whole = archived(tmp_path, b"x" * 60_000)
    with pytest.raises(SealedFileError, match="no backup"):
        extracted(whole[:size], tmp_path / "out")


@pytest.mark.parametrize("name, kind", [("../../etc/passwd", tarfile.REGTYPE),
                                        ("backup.json", tarfile.SYMTYPE),
                                        ("gateway.toml", tarfile.REGTYPE)])
def test_archive_with_anything_else_inside_writes_nothing(tmp_path, name, kind):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as members:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, "/etc/passwd"
        members.addfile(member)
    with pytest.raises(SealedFileError, match="backup.json is not in its place"):
        extracted(made.getvalue(), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_backup_of_a_newer_format_is_named(tmp_path):
    contents = replace(CONTENTS, manifest=replace(CONTENTS.manifest, format=2, release="9.0"))
    with pytest.raises(SealedFileError, match="format 2, of release 9.0"):
        extracted(archived(tmp_path, contents=contents), tmp_path / "out")


def test_copy_of_a_store_that_is_being_written_to_is_whole_and_of_one_moment(tmp_path):
    copy = tmp_path / "copy"

    async def scenario(store):
        async def write():
            # Both rows of a pack, or neither.
            for number in range(1, 4000, 2):
                await store.commit_pack([row(number), row(number + 1)], urgent=True)

        writing = asyncio.ensure_future(write())
        await store.commit_pack([row(number) for number in range(5000, 9000)], urgent=True)
        await store.copy_to(str(copy))
        is_busy = not writing.done()
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        return is_busy

    assert run(tmp_path / "store.db", scenario, urgent_ms=0), "the writer had ended before"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with contextlib.closing(apsw.Connection(str(copy))) as connection:
        assert connection.pragma("integrity_check") == "ok"
        count, last = next(connection.execute(
            "SELECT count(*), max(sequence) FROM readings WHERE sequence < 5000"))
        assert count == (last or 0)


def stored(path):
    """A store with readings, a node that is registered, and a command that waits."""
    async def scenario(store):
        await store.save_node(NODE)
        await store.add_command(COMMAND)
        await store.commit_pack([row(1), row(2)], urgent=True)
        return [each.id for each in await store.readings("lamp", 9)]

    return run(path, scenario)


def test_restored_store_goes_on_with_ids_that_its_old_gateway_never_gave(tmp_path):
    path = tmp_path / "store.db"
    ids = stored(path)
    store_restore.restore(str(path), TIME_MS, nothing_to_reseal)

    async def scenario(store):
        await store.commit_pack([row(None, boot=None)], urgent=True)
        return [each.id for each in await store.readings("lamp", 9)], store.epoch

    new, epoch = run(path, scenario)
    assert new[1:] == ids and epoch == EPOCH
    assert new[0] - ids[0] > 1 << 32


def test_restored_empty_store_skips_ids_too(tmp_path):
    path = tmp_path / "store.db"

    async def nothing(store):
        pass

    async def scenario(store):
        await store.commit_pack([row(1)], urgent=True)
        return (await store.readings("lamp", 9))[0].id

    run(path, nothing)
    store_restore.restore(str(path), TIME_MS, nothing_to_reseal)
    assert run(path, scenario) > 1 << 32


def test_restored_store_does_no_command_for_a_second_time(tmp_path):
    path = tmp_path / "store.db"
    stored(path)
    store_restore.restore(str(path), TIME_MS, nothing_to_reseal)

    async def scenario(store):
        return (await store.unfinished_commands(), await store.command("c1"),
                await store.unreported_commands("city", 9))

    waiting, command, unreported = run(path, scenario)
    assert not waiting and unreported == [command]
    assert (command.state, command.finished_ms) == (CommandState.UNKNOWN, TIME_MS)
    assert "may have been done" in command.detail


def test_restored_store_knows_its_nodes_but_no_registration(tmp_path):
    path = tmp_path / "store.db"
    stored(path)
    store_restore.restore(str(path), TIME_MS, nothing_to_reseal)

    async def scenario(store):
        return await store.nodes(), (await store.verify()).is_sound

    assert run(path, scenario) == ([replace(NODE, registration_id=None)], True)


def test_restoring_is_all_or_nothing(tmp_path):
    path = tmp_path / "store.db"
    stored(path)

    def failing(connection):
        raise StoreError("damaged", "a context does not open")

    with pytest.raises(StoreError, match="does not open"):
        store_restore.restore(str(path), TIME_MS, failing)

    async def scenario(store):
        return await store.unfinished_commands(), await store.nodes()

    assert run(path, scenario) == ([COMMAND], [NODE])


def test_store_that_rotted_in_its_backup_is_refused_and_not_salvaged(tmp_path):
    path = tmp_path / "store.db"
    stored(path)
    with contextlib.closing(apsw.Connection(str(path))) as connection:
        connection.execute("UPDATE nodes SET address = 'elsewhere'")
    with pytest.raises(StoreError, match="rows of nodes"):
        store_restore.restore(str(path), TIME_MS, nothing_to_reseal)
