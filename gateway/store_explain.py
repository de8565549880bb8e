"""The SQL of what the ledger tells: a node's boots, what is missing, what was shed."""

from dataclasses import dataclass

import apsw

from gateway import ledger, range_set, store_ledger
from gateway.ledger import MISSING, Account, Gap
from gateway.range_set import Ranges


@dataclass(frozen=True, slots=True)
class Shed:
    """Readings that were deleted before an uplink had them; without `boot` these are row ids."""

    uplink: str
    boot: int | None
    first: int
    last: int
    noted_ms: int


@dataclass(frozen=True, slots=True)
class BootStory:
    """What became of every number of one boot. Times are Unix milliseconds."""

    account: Account
    received: Ranges
    gaps: tuple[tuple[Gap, int], ...]  # and when each was noted
    changed_ms: int

    @property
    def missing(self) -> Ranges:
        """Return the numbers that nobody can explain."""
        return range_set.of((g.first, g.last) for g, _ in self.gaps if g.reason == MISSING)


def boots(connection: apsw.Connection, endpoint: str) -> list[BootStory]:
    """Return the boots of a node, in the order in which this gateway first heard of them."""
    query = f"""{store_ledger.SELECT} WHERE endpoint_id =
        (SELECT id FROM endpoints WHERE name = ?) ORDER BY id"""
    stories = []
    for columns in connection.execute(query, (endpoint,)).fetchall():
        boot_id, account = store_ledger.account_of(connection, columns)
        gaps = tuple(store_ledger.gaps_of(connection, boot_id))
        received = ledger.received(account, [gap for gap, _ in gaps])
        stories.append(BootStory(account, received, gaps, columns[-2]))
    return stories


def sheds(connection: apsw.Connection, endpoint: str) -> list[Shed]:
    """Return what was shed of a node's readings, oldest first."""
    query = """SELECT uplink, boot, first, last, noted_ms FROM sheds WHERE endpoint_id =
        (SELECT id FROM endpoints WHERE name = ?) ORDER BY id"""
    return [Shed(*columns) for columns in connection.execute(query, (endpoint,))]


def missing_by_node(connection: apsw.Connection) -> dict[str, int]:
    """Return how many readings are missing of each node that misses any."""
    query = """SELECT name, sum(gaps.last - gaps.first + 1) FROM gaps INDEXED BY missing_gaps
        JOIN boots ON boots.id = boot_id JOIN endpoints ON endpoints.id = endpoint_id
        WHERE reason = 'missing' GROUP BY name ORDER BY name"""
    return dict(connection.execute(query))


def set_aside_by_node(connection: apsw.Connection) -> dict[str, int]:
    """Return how many stored readings of each node turned out to be damaged."""
    query = "SELECT endpoint, count(*) FROM damaged_readings GROUP BY endpoint ORDER BY endpoint"
    return dict(connection.execute(query))


def shed_by_uplink(connection: apsw.Connection) -> dict[str, int]:
    """Return how many readings were shed before each uplink had them."""
    query = "SELECT uplink, sum(last - first + 1) FROM sheds GROUP BY uplink ORDER BY uplink"
    return dict(connection.execute(query))
