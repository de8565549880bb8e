"""The gap ledger: what became of every number that a node gave to a reading in one boot.

A core. Each number from 1 to the last is received, explained (it is not here, and why is known),
pending (the node holds it) or missing. Numbers up to `settled` are never pending: those that are
not received stand in gaps, with their reason; so an account stays small however long a boot lasts.

Every pack makes several of these values, so they are msgspec's structs, like `rows.ReadingRow`.
"""

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from gateway import range_set
from gateway.range_set import Ranges, difference, intersection, union

# Reasons of gaps. MISSING is the one that is no explanation.
MISSING = "missing"
ELSEWHERE = "elsewhere"  # acknowledged by another gateway, or before this ledger began
RESET = "node reset"  # a node without a journal on flash has lost what it held
ERASED = "journal erased"  # the node was replaced, or its flash erased: its numbers began anew
DAMAGED = "damaged"  # it was here, and its row in the store is not what was written
SCATTERED = "too scattered"  # pending, when the account could hold no more ranges
DROPPED = "dropped: "  # and the node's reason
REFUSED = "refused: "  # and the gateway's

CHAIN_MAX = 4096
"""A node counts its boots one by one; a boot further away is of an erased or another node."""
RANGES_MAX = 4096
"""Ranges above `settled`: a node's journal holds fewer fragments."""
REASON_LENGTH_MAX = 80


class Statement(Struct, frozen=True, gc=False):
    """What a pack says of its node's journal (object 42800), and what the gateway refused of it.

    `oldest`: the oldest number that the node holds or has yet to account for. `last`: the last
    it has given, `oldest_boot`: the oldest boot it holds something of; None from a node without
    a journal on flash. `is_returning`: the node was registered elsewhere, or nowhere, meanwhile.
    """

    endpoint: str
    boot: int
    received_ms: int
    oldest: int | None = None
    last: int | None = None
    oldest_boot: int | None = None
    dropped: tuple[tuple[int, int, str], ...] = ()  # (first, last, reason)
    refused: tuple[tuple[int, str], ...] = ()  # (sequence, reason)
    is_returning: bool = False


class Gap(Struct, frozen=True, gc=False):
    """Numbers that are not here: `first` to `last`, and why."""

    first: int
    last: int
    reason: str


class Account(Struct, frozen=True, gc=False):
    """One boot of one node. `received` and `explained` are above `settled`."""

    boot: int
    oldest: int | None = None  # as stated; None: nothing was stated yet
    last: int = 0
    oldest_boot: int | None = None  # as stated
    is_closed: bool = False  # the node holds nothing of this boot
    settled: int = 0
    received: Ranges = ()
    explained: Ranges = ()

    @property
    def pending(self) -> Ranges:
        """Return the numbers that the node holds, or has yet to account for."""
        above = range_set.span(self.settled + 1, self.last)
        return difference(above, union(self.received, self.explained))

    def is_in_doubt(self, first: int, last: int) -> bool:
        """Return whether only the gaps tell what of `first` to `last` is here."""
        return first <= self.settled or bool(
            self.explained and intersection(range_set.span(first, last), self.explained)
        )


class Taken(Struct, frozen=True, gc=False):
    """What a pack changes: the account; `fresh` numbers, which were not here before; `lifted`,
    which leave the gaps that they stood in; the gaps that are new."""

    account: Account
    fresh: Ranges
    lifted: Ranges = ()
    gaps: tuple[Gap, ...] = ()


def take(
    account: Account, numbers: Iterable[int], statement: Statement, gaps: Iterable[Gap] = ()
) -> Taken:
    """Return what a pack changes in the account of its boot.

    `numbers` are those of its readings (1 and up), `gaps` the known ones in which any of them, or
    a number that the statement explains, may stand.
    """
    known = tuple(gaps)
    lost = range_set.of((gap.first, gap.last) for gap in known)
    came = range_set.of_numbers(numbers)
    fresh = union(
        intersection(came, lost),
        difference(difference(came, range_set.span(1, account.settled)), account.received),
    )
    here = replace(
        account,
        received=union(account.received, _above(fresh, account.settled)),
        explained=difference(account.explained, fresh),
        last=max(account.last, statement.last or 0, came[-1][1] if came else 0),
        oldest_boot=(
            account.oldest_boot if statement.oldest_boot is None else statement.oldest_boot
        ),
        is_closed=False,
    )
    missing = range_set.of((gap.first, gap.last) for gap in known if gap.reason == MISSING)
    here, told, explained = _explain(here, statement, difference(missing, fresh))
    here, silent = _settle(here, account, statement)
    return Taken(here, fresh, union(intersection(fresh, lost), told), explained + silent)


def _explain(
    account: Account, statement: Statement, missing: Ranges
) -> tuple[Account, Ranges, tuple[Gap, ...]]:
    """Return the account, what is missing no more, and gaps for what the pack explains."""
    if not statement.dropped and not statement.refused:
        return account, (), ()
    gaps: list[Gap] = []
    lifted: Ranges = ()
    last = account.last
    explained = account.explained
    for ranges, reason in _explanations(statement):
        news = difference(_above(ranges, account.settled), union(account.received, explained))
        late = intersection(ranges, difference(missing, lifted))
        gaps += [Gap(*pair, reason) for pair in union(late, news)]
        lifted = union(lifted, late)
        explained = union(explained, news)
        last = max(last, ranges[-1][1])
    return replace(account, explained=explained, last=last), lifted, tuple(gaps)


def _explanations(statement: Statement) -> Iterable[tuple[Ranges, str]]:
    for first, last, reason in statement.dropped:
        ranges = range_set.span(max(first, 1), last)
        if ranges:
            yield ranges, DROPPED + reason[:REASON_LENGTH_MAX]
    reasons: dict[str, list[int]] = {}
    for sequence, reason in statement.refused:
        if sequence >= 1:
            reasons.setdefault(REFUSED + reason[:REASON_LENGTH_MAX], []).append(sequence)
    for reason, numbers in reasons.items():
        yield range_set.of_numbers(numbers), reason


def _settle(
    account: Account, before: Account, statement: Statement
) -> tuple[Account, tuple[Gap, ...]]:
    """Return the account with everything below the oldest settled, and gaps for what is silent."""
    accounted = union(account.received, account.explained)
    settled, oldest = account.settled, _later(before.oldest, statement.oldest)
    gaps: list[Gap] = []
    if oldest is not None and oldest - 1 > settled:
        is_ours = before.oldest is not None and not statement.is_returning
        silent = difference(range_set.span(settled + 1, oldest - 1), accounted)
        gaps += [Gap(*pair, MISSING if is_ours else ELSEWHERE) for pair in silent]
        settled = oldest - 1
    surplus = len(account.received) + len(account.explained) - RANGES_MAX
    if surplus > 0:
        bound = accounted[min(surplus, len(accounted)) - 1][1]
        silent = difference(range_set.span(settled + 1, bound), accounted)
        gaps += [Gap(*pair, SCATTERED) for pair in silent]
        settled = max(settled, bound)
    for first, last in accounted:
        if first <= settled + 1 <= last:
            settled = last
    return replace(
        account,
        oldest=oldest,
        last=max(account.last, settled),
        settled=settled,
        received=_above(account.received, settled),
        explained=_above(account.explained, settled),
    ), tuple(gaps)


def boots_after(boot: int, other: int) -> int:
    """Return how many boots `boot` comes after `other`, below 0 if before: 32 bits wrap."""
    return ((boot - other + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)


def end_reason(account: Account, statement: Statement) -> str | None:
    """Return why the node holds nothing more of another boot than its statement's; None: it may.

    What of that boot is neither received nor explained then is so for this reason.
    """
    if abs(boots_after(account.boot, statement.boot)) > CHAIN_MAX:
        return ERASED
    kept = statement.oldest_boot
    if kept is not None and boots_after(account.boot, kept) >= 0:
        return None
    if boots_after(account.boot, statement.boot) > 0:
        return None
    if account.oldest_boot is None:
        return RESET
    return ELSEWHERE if account.oldest is None else MISSING


def close(account: Account, reason: str) -> Taken:
    """Return a boot's account as one that is over; what it leaves open is so for `reason`."""
    gaps = tuple(Gap(*pair, reason) for pair in account.pending)
    settled = max(account.settled, account.last)
    closed = replace(account, is_closed=True, settled=settled, received=(), explained=())
    return Taken(closed, (), (), gaps)


def damage(account: Account, lost: Ranges) -> Taken:
    """Return the account after readings that were received turned out to be damaged.

    A copy of one that comes later is as welcome as the first one was.
    """
    explained = _above(lost, account.settled)
    changed = replace(
        account,
        received=difference(account.received, lost),
        explained=union(account.explained, explained),
        last=max(account.last, lost[-1][1]),
    )
    return Taken(changed, (), (), tuple(Gap(*pair, DAMAGED) for pair in lost))


def restore(account: Account | None, boot: int, here: Ranges) -> Taken:
    """Return the account of a boot of which readings are here that it may not know of.

    Where the account itself is lost, what is not here counts as delivered earlier.
    """
    last = here[-1][1]
    if account is None:
        holes = difference(range_set.span(1, last), here)
        gaps = tuple(Gap(*pair, ELSEWHERE) for pair in holes)
        return Taken(Account(boot, last=last, settled=last), here, (), gaps)
    above = _above(here, account.settled)
    changed = replace(
        account, received=union(account.received, above), last=max(account.last, last)
    )
    return Taken(changed, difference(above, account.received))


def cut(gap: Gap, lifted: Ranges) -> tuple[Gap, ...]:
    """Return what is left of `gap` without the numbers `lifted`."""
    left = difference(range_set.span(gap.first, gap.last), lifted)
    return tuple(Gap(*pair, gap.reason) for pair in left)


def received(account: Account, gaps: Iterable[Gap]) -> Ranges:
    """Return every number that is or was here, given all gaps of the boot."""
    lost = range_set.of((gap.first, gap.last) for gap in gaps)
    return union(difference(range_set.span(1, account.settled), lost), account.received)


def _above(ranges: Ranges, settled: int) -> Ranges:
    if not ranges or ranges[0][0] > settled:
        return ranges
    return difference(ranges, ((0, settled),))


def _later(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)
