"""Ranges against Python's own sets."""

from hypothesis import given
from hypothesis import strategies as st

from gateway import range_set

numbers = st.sets(st.integers(1, 40))


def expand(ranges):
    return {number for first, last in ranges for number in range(first, last + 1)}


def is_canonical(ranges):
    return all(first <= last for first, last in ranges) and all(
        one[1] + 1 < other[0] for one, other in zip(ranges, ranges[1:], strict=False)
    )


@given(numbers, numbers)
def test_ranges_do_what_sets_do(one, other):
    a, b = range_set.of_numbers(one), range_set.of_numbers(other)
    results = {
        range_set.union: one | other,
        range_set.difference: one - other,
        range_set.intersection: one & other,
    }
    for operation, expected in results.items():
        assert expand(operation(a, b)) == expected
        assert is_canonical(operation(a, b))
    assert range_set.count(a) == len(one)
    assert expand(range_set.last(a, 7)) == set(sorted(one)[-7:])
    assert all(range_set.contains(a, number) == (number in one) for number in range(42))


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)).map(sorted).map(tuple)))
def test_overlapping_pairs_become_ranges(pairs):
    ranges = range_set.of(pairs)
    assert expand(ranges) == expand(pairs) and is_canonical(ranges)


@given(numbers)
def test_ranges_survive_their_text(wanted):
    ranges = range_set.of_numbers(wanted)
    assert range_set.from_text(range_set.to_text(ranges)) == ranges
