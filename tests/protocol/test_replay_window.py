from protocol.replay_window import ReplayWindow
from tests.portable import seeded_bytes


def window_after(*numbers, lowest=0):
    window = ReplayWindow()
    window.initialise(lowest)
    for number in numbers:
        window.strike(number)
    return window


def test_nothing_is_accepted_before_the_window_is_initialised():
    window = ReplayWindow()
    assert not window.is_initialised
    assert not window.accepts(0) and not window.accepts(2**40 - 1)
    window.initialise(7)
    assert window.is_initialised
    assert window.accepts(7) and window.accepts(8) and not window.accepts(6)


def test_a_number_is_accepted_once():
    window = window_after(5)
    assert not window.accepts(5)
    for number in (4, 3, 0, 6, 36, 37, 1000):
        assert window.accepts(number)
        window.strike(number)
        assert not window.accepts(number)


def test_a_number_is_too_old_32_behind_the_greatest():
    window = window_after(100)
    assert window.accepts(69)
    assert not window.accepts(68) and not window.accepts(0)
    window.strike(101)
    assert not window.accepts(69) and window.accepts(70)


def test_a_window_may_be_larger():
    window = ReplayWindow(64)
    window.initialise(0)
    window.strike(100)
    assert window.accepts(37) and not window.accepts(36)


def test_a_leap_to_the_last_number_forgets_all_others():
    window = window_after(3, 2**40 - 1)
    assert not window.accepts(2**40 - 1) and not window.accepts(2**40 - 33)
    assert window.accepts(2**40 - 2) and window.accepts(2**40 - 32)


def test_the_window_agrees_with_a_set_of_all_numbers_ever_seen():
    window = window_after()
    seen = set()
    greatest = 0
    noise = seeded_bytes(42, 3000)
    for index in range(0, len(noise), 2):
        number = max(0, greatest + noise[index] % 48 - 40 + noise[index + 1] // 250 * 70)
        is_new = number not in seen and (not seen or number > max(seen) - 32)
        assert window.accepts(number) == is_new, number
        if is_new:
            window.strike(number)
            seen.add(number)
            greatest = max(greatest, number)
    assert len(seen) > 100
