"""The loop oscillator on a pulse counter, against a fake counter and fake ticks."""

from firmware.drivers.loop_oscillator import LoopOscillator

TICKS_PERIOD = 1 << 30


class Oscillator:
    """A counter and a clock that wrap and run together; each look costs `look_us`."""

    def __init__(self, frequency_hz, at_us=0, look_us=3):
        self.frequency_hz = frequency_hz
        self.look_us = look_us
        self.at_us = at_us
        self.pulses_us = 0
        self.interrupts_us = []

    def advance(self, duration_us):
        self.at_us += duration_us
        self.pulses_us += duration_us * self.frequency_hz

    def value(self):
        pulses = self.pulses_us // 1000000
        if self.interrupts_us:
            self.advance(self.interrupts_us.pop(0))
        return pulses

    def ticks_us(self):
        self.advance(self.look_us)
        return self.at_us % TICKS_PERIOD


def ticks_diff(later, earlier):
    half = TICKS_PERIOD // 2
    return (later - earlier + half) % TICKS_PERIOD - half


def driver(oscillator):
    return LoopOscillator(oscillator, oscillator.ticks_us, ticks_diff)


def test_first_reading_is_none():
    assert driver(Oscillator(60000)).read_hz() is None


def test_frequency_is_the_pulses_over_the_time_between_two_readings():
    for frequency_hz in (20000, 60000, 60480, 150000):
        oscillator = Oscillator(frequency_hz)
        loop = driver(oscillator)
        loop.read_hz()
        oscillator.advance(500000)
        assert abs(loop.read_hz() - frequency_hz) <= 2


def test_ticks_may_wrap_between_two_readings():
    oscillator = Oscillator(60000, at_us=TICKS_PERIOD - 100000)
    loop = driver(oscillator)
    loop.read_hz()
    oscillator.advance(500000)
    assert abs(loop.read_hz() - 60000) <= 2


def test_reading_too_early_gives_the_last_one_again():
    oscillator = Oscillator(60000)
    loop = driver(oscillator)
    loop.read_hz()
    oscillator.advance(500000)
    first_hz = loop.read_hz()
    oscillator.frequency_hz = 90000
    oscillator.advance(20000)
    assert loop.read_hz() == first_hz


def test_gap_of_minutes_is_no_reading():
    oscillator = Oscillator(60000)
    loop = driver(oscillator)
    loop.read_hz()
    oscillator.advance(120 * 1000000)
    assert loop.read_hz() is None
    oscillator.advance(500000)
    assert abs(loop.read_hz() - 60000) <= 2


def test_interrupt_between_counter_and_clock_is_tried_again():
    oscillator = Oscillator(60000)
    loop = driver(oscillator)
    loop.read_hz()
    oscillator.advance(500000)
    oscillator.interrupts_us = [5000]
    assert abs(loop.read_hz() - 60000) <= 2


def test_oscillator_that_stands_still_is_zero():
    oscillator = Oscillator(0)
    loop = driver(oscillator)
    loop.read_hz()
    oscillator.advance(500000)
    assert loop.read_hz() == 0
