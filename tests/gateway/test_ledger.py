"""The gap ledger: every number is received, pending, explained or missing: one of these."""

from hypothesis import given
from hypothesis import strategies as st

from gateway import ledger, range_set
from gateway.ledger import Account, Gap, Statement

NUMBERS = range(1, 31)


def said(oldest=None, last=None, boot=7, oldest_boot=7, **fields):
    return Statement("lamp", boot, 0, oldest, last, oldest_boot, **fields)


class Book:
    """An account and its gaps, kept as the store keeps them: gaps are loaded only in doubt."""

    def __init__(self, account=None):
        self.account = account or Account(7)
        self.gaps = []

    def take(self, numbers, statement):
        spans = [(min(numbers), max(numbers))] if numbers else []
        spans += [(first, last) for first, last, _ in statement.dropped]
        spans += [(number, number) for number, _ in statement.refused]
        is_in_doubt = any(self.account.is_in_doubt(*span) for span in spans)
        return self._keep(
            ledger.take(self.account, numbers, statement, self.gaps if is_in_doubt else ())
        )

    def close(self, reason):
        self._keep(ledger.close(self.account, reason))

    def _keep(self, taken):
        left = [part for gap in self.gaps for part in ledger.cut(gap, taken.lifted)]
        self.account, self.gaps = taken.account, [*left, *taken.gaps]
        return set(_expand(taken.fresh))

    def states(self):
        """Return what each number up to the last one is."""
        claims = [(number, "received") for number in
                  _expand(ledger.received(self.account, self.gaps))]
        claims += [(number, "pending") for number in _expand(self.account.pending)]
        claims += [(number, gap.reason) for gap in self.gaps
                   for number in range(gap.first, gap.last + 1)]
        states = dict(claims)
        assert len(states) == len(claims), "a number is two things at once"
        assert sorted(states) == list(range(1, self.account.last + 1))
        return states


def _expand(ranges):
    return [number for first, last in ranges for number in range(first, last + 1)]


class Naive:
    """The same, one number at a time."""

    def __init__(self):
        self.states, self.oldest, self.last = {}, None, 0

    def take(self, numbers, statement):
        fresh = {n for n in numbers if self.states.get(n) != "received"}
        self.states.update(dict.fromkeys(fresh, "received"))
        self.last = max([self.last, statement.last or 0, *numbers])
        told = [(n, "dropped: " + reason) for first, last, reason in statement.dropped
                for n in range(first, last + 1)]
        told += [(n, "refused: " + reason) for n, reason in statement.refused]
        for n, reason in told:
            self.last = max(self.last, n)
            if self.states.get(n, "missing") == "missing":
                self.states[n] = reason
        if statement.oldest is not None:
            is_first = self.oldest is None or statement.is_returning
            self.oldest = max(self.oldest or 0, statement.oldest)
            self.last = max(self.last, self.oldest - 1)
            for n in range(1, self.oldest):
                self.states.setdefault(n, "elsewhere" if is_first else "missing")
        return fresh

    def complete(self):
        return {n: self.states.get(n, "pending") for n in range(1, self.last + 1)}


number = st.sampled_from(NUMBERS)
span = st.tuples(number, number).map(sorted)
packs = st.tuples(
    st.sets(number, max_size=8),
    st.builds(
        said,
        oldest=st.none() | number,
        last=st.none() | number,
        dropped=st.lists(span.map(lambda pair: (*pair, "full")), max_size=2).map(tuple),
        refused=st.lists(number.map(lambda n: (n, "text")), max_size=2).map(tuple),
        is_returning=st.sampled_from([False, False, False, True]),
    ),
)


@given(st.lists(packs, max_size=8))
def test_account_says_of_every_number_what_a_naive_model_says(history):
    book, naive = Book(), Naive()
    for numbers, statement in history:
        assert book.take(numbers, statement) == naive.take(numbers, statement)
        assert book.states() == naive.complete()


@given(st.lists(packs, max_size=6), st.lists(packs, max_size=2))
def test_closing_leaves_nothing_pending_and_what_comes_later_is_welcome(history, later):
    book = Book()
    for numbers, statement in history:
        book.take(numbers, statement)
    before = book.states()
    book.close(ledger.MISSING)
    assert book.states() == {
        n: "missing" if state == "pending" else state for n, state in before.items()
    }
    for numbers, statement in later:
        fresh = book.take(numbers, statement)
        assert fresh == {n for n in numbers if before.get(n) != "received"}
        before |= dict.fromkeys(fresh, "received")
        assert all(book.states()[n] == "received" for n in numbers)


def test_number_that_the_node_let_go_and_we_never_had_is_missing():
    book = Book()
    book.take([1, 2, 3], said(oldest=1, last=6))
    book.take([6], said(oldest=6, last=6))
    assert book.gaps == [Gap(4, 5, "missing")]


def test_number_that_the_node_holds_is_pending():
    book = Book()
    book.take([1, 2, 9], said(oldest=1, last=12))
    assert book.account.pending == ((3, 8), (10, 12)) and not book.gaps


def test_what_went_before_the_first_contact_is_elsewhere():
    book = Book()
    book.take([40], said(oldest=38, last=41))
    assert book.gaps == [Gap(1, 37, "elsewhere")]


def test_what_went_while_the_node_was_away_is_elsewhere():
    book = Book()
    book.take([1, 2], said(oldest=1, last=4))
    book.take([9], said(oldest=8, last=9, is_returning=True))
    assert book.gaps == [Gap(3, 7, "elsewhere")]


def test_missing_reading_that_comes_after_all_is_received():
    book = Book()
    book.take([1], said(oldest=1))
    book.take([5], said(oldest=5))
    assert book.take([3], said(oldest=5)) == {3}
    assert book.gaps == [Gap(2, 2, "missing"), Gap(4, 4, "missing")]


def test_acknowledged_reading_that_comes_again_is_a_duplicate_for_ever():
    book = Book()
    book.take([1, 2, 3], said(oldest=1))
    book.take([4], said(oldest=4))
    assert book.take([1, 2, 3, 4], said(oldest=1)) == set()


def test_dropped_range_does_not_take_what_was_received():
    book = Book()
    book.take([2, 3], said(oldest=1))
    book.take([], said(oldest=6, last=6, dropped=((1, 5, "full"),)))
    assert book.gaps == [Gap(1, 1, "dropped: full"), Gap(4, 5, "dropped: full")]


def test_account_stays_small_however_scattered_the_numbers(monkeypatch):
    monkeypatch.setattr(ledger, "RANGES_MAX", 16)
    book = Book()
    for n in range(1, 200, 2):
        book.take([n], said())
    assert len(book.account.received) == 16
    book.states()
    assert book.take([2], said()) == {2}


def test_boot_below_the_oldest_that_the_node_holds_is_over():
    account = Account(6, oldest=3, last=9, oldest_boot=6)
    assert ledger.end_reason(account, said(oldest_boot=6)) is None
    assert ledger.end_reason(account, said(oldest_boot=7)) == ledger.MISSING


def test_reset_of_a_node_without_a_journal_on_flash_explains_what_it_held():
    account = Account(6, oldest=3, last=9)
    assert ledger.end_reason(account, said(oldest_boot=None)) == ledger.RESET
    assert ledger.end_reason(account, said(oldest_boot=7)) == ledger.RESET


def test_boot_number_far_away_is_that_of_an_erased_node():
    account = Account(6, oldest=3, last=9, oldest_boot=6)
    for boot in (7 + ledger.CHAIN_MAX, 4_000_000_000):
        assert ledger.end_reason(account, said(boot=boot, oldest_boot=boot)) == ledger.ERASED
    old = Account(4_000_000_000, oldest=3, last=9, oldest_boot=6)
    assert ledger.end_reason(old, said()) == ledger.ERASED


def test_boot_after_the_last_of_32_bits_follows_it():
    last = Account(0xFFFFFFFF, oldest=3, last=9, oldest_boot=0xFFFFFFFF)
    assert ledger.end_reason(last, said(boot=1, oldest_boot=0xFFFFFFFF)) is None
    assert ledger.end_reason(last, said(boot=1, oldest_boot=0)) == ledger.MISSING
    assert ledger.end_reason(Account(2, oldest_boot=1), said(boot=0xFFFFFFFF)) is None


def test_newer_boot_is_not_over_when_an_older_one_speaks():
    assert ledger.end_reason(Account(8, oldest_boot=7), said()) is None
    assert ledger.end_reason(Account(8), said(oldest_boot=None)) is None


@given(st.sets(number, min_size=1), st.data())
def test_damaged_reading_is_explained_and_welcome_again(numbers, data):
    book = Book()
    book.take(numbers, said(oldest=1))
    lost = data.draw(st.sampled_from(sorted(numbers)))
    book._keep(ledger.damage(book.account, range_set.span(lost, lost)))
    assert book.states()[lost] == "damaged"
    assert book.take(numbers, said(oldest=1)) == {lost}


def test_ranges_of_an_account_never_reach_below_what_is_settled():
    book = Book()
    book.take([1, 2, 5], said(oldest=1))
    assert (book.account.settled, book.account.received) == (2, ((5, 5),))
    assert not range_set.contains(book.account.received, 2)
