"""Every row carries a checksum; a reading that is not what was written is never given out."""

import apsw
import pytest

from gateway import store_checksums, store_damage
from gateway.ledger import Statement
from gateway.rows import IncidentRow, Lane, ObservationRow, PackResult, Payload
from tests.gateway.open_store import COMMAND, NODE, run
from tests.gateway.test_store_durability import STORES
from tests.gateway.uplink_rows import TIME_MS, alarm, row


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


async def fill(store):
    """Write into every table, by every statement that writes."""
    statement = Statement("lamp", 1, TIME_MS, oldest=3, last=9, dropped=((4, 5, "full"),))
    payload = Payload(b"digest", b"message", 1, TIME_MS)
    await store.commit_pack([row(3), row(7), alarm(8)], True, statement)
    await store.commit_pack([row(None, boot=None)], True, None, payload)
    await store.commit_pack([row(1, boot=2)], True, Statement("lamp", 2, TIME_MS, oldest=1))
    await store.commit_pack([], True, Statement("lamp", 2, TIME_MS, oldest=3, is_returning=True))
    for reading_id in (1, 3):
        await store.advance("city", Lane.MEASUREMENT, reading_id)
    for _ in range(2):
        await store.save_node(NODE)
        await store.save_observation(ObservationRow("lamp", "/3416/0/3", "pmax=60"))
        await store.add_counts({"packs": 2})
        await store.add_incident(IncidentRow(TIME_MS, "uplink_lost", "city", "refused"))
    await store.delete_registration("lamp")
    await store.add_command(COMMAND)
    await store.save_command(COMMAND)
    await store.mark_reported(COMMAND.id)


def damaged_tables(path):
    connection = apsw.Connection(str(path))
    tables = store_checksums.tables(connection)
    assert "boots" in tables and "gaps" in tables
    return [table for table in tables if store_checksums.damaged(connection, table)]


def test_every_row_that_is_written_has_its_checksum(path):
    run(path, fill)
    assert damaged_tables(path) == []


@pytest.mark.parametrize("file", sorted(STORES.glob("*.sql")), ids=lambda file: file.stem)
def test_rows_of_earlier_versions_get_their_checksums(path, file):
    connection = apsw.Connection(str(path))
    connection.execute(file.read_text())
    connection.close()

    async def nothing(store):
        pass

    run(path, nothing)
    assert damaged_tables(path) == []


def test_checksum_tells_a_change_of_any_column(path):
    run(path, fill)
    connection = apsw.Connection(str(path))
    for column in store_checksums.columns_of(connection, "incidents")[1:]:
        value = "7" if column in ("kind", "subject", "detail") else 7
        connection.execute("SAVEPOINT s")
        connection.execute(f"UPDATE incidents SET {column} = ? WHERE id = 1", (value,))
        assert len(store_checksums.damaged(connection, "incidents")) == 1, column
        connection.execute("ROLLBACK TO s")


def rot(path, change):
    connection = apsw.Connection(str(path))
    connection.execute(change)
    connection.close()


@pytest.mark.parametrize(
    "change", ["value = 51", "path = '/3416/0/4'", "time_ms = 1", "received_ms = 2", "class = 1"]
)
def test_damaged_reading_is_set_aside_accounted_for_and_welcome_again(path, change):
    run(path, fill)
    rot(path, f"UPDATE readings SET {change} WHERE id = 1")

    async def scenario(store):
        given = await store.readings_after(Lane.MEASUREMENT, 0, 100)
        incidents = [row.kind for row in await store.incidents(9)]
        again = await store.commit_pack([row(3), row(7)], urgent=True)
        return [each.id for each in given], incidents.count("readings_damaged"), again

    given, incidents, again = run(path, scenario)
    assert 1 not in given and 2 in given
    assert (incidents, again) == (1, PackResult(1, 1))


def test_reading_whose_number_has_rotted_is_known_by_the_index(path):
    run(path, fill)
    # Behind the indexes' back, as rot does it: number 3 becomes 99.
    content = path.read_bytes()
    assert content.count(b"\x03/3416/0/3i") == 1
    path.write_bytes(content.replace(b"\x03/3416/0/3i", b"\x63/3416/0/3i"))
    connection = apsw.Connection(str(path))
    store_checksums.install(connection)
    with connection:
        assert store_damage.set_aside(connection, [1], TIME_MS) == 1
    gaps = connection.execute("SELECT first, last FROM gaps WHERE reason = 'damaged'").fetchall()
    assert gaps == [(3, 3)]
    assert connection.execute("PRAGMA integrity_check(1)").get == "ok"


def test_reading_of_a_node_whose_name_has_rotted_is_not_given_out(path):
    run(path, fill)
    rot(path, "UPDATE endpoints SET name = 'lemp' WHERE name = 'lamp'")

    async def scenario(store):
        return await store.readings_after(Lane.URGENT, 0, 100)

    assert run(path, scenario) == []


def test_ledger_whose_row_has_rotted_is_made_again_from_the_readings(path):
    run(path, fill)
    rot(path, "UPDATE boots SET settled = 100, received = '' WHERE boot = 1")

    async def scenario(store):
        return await store.commit_pack([row(3), row(7), row(9)], urgent=True)

    assert run(path, scenario) == PackResult(1, 2)
    assert damaged_tables(path) == []
