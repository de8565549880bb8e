"""Clocks of nodes: they drift, never go back, and their timers come in order and once."""

import asyncio
from functools import partial

import pytest

from simulator import virtual_time
from simulator.node_clock import NodeTimers, TimerQueue

HOUR_MS = 3_600_000


def run(act, end_s=7 * 86400):
    """Run `act(loop, queue)`, then `end_s` seconds."""
    async def main():
        loop = asyncio.get_running_loop()
        act(loop, TimerQueue(loop))
        await asyncio.sleep(end_s)
    virtual_time.run(main)


def test_timers_come_at_their_time_those_of_one_moment_as_they_were_set():
    seen = []

    def act(loop, queue):
        for number, due_us in enumerate((5_000_000, 3, 5_000_000, 1, 5_000_000)):
            queue.call_at_us(due_us, partial(lambda number: seen.append(
                (loop.now_us(), number)), number))

    run(act)
    assert seen == [(1, 3), (3, 1), (5_000_000, 0), (5_000_000, 2), (5_000_000, 4)]


def test_timers_and_those_of_the_loop_come_in_one_order():
    seen = []

    def act(loop, queue):
        for second in range(1, 200):
            if second % 3:
                queue.call_at_us(second * 1_000_000, partial(seen.append, second))
            else:
                loop.call_at(second, seen.append, second)

    run(act)
    assert seen == list(range(1, 200))


@pytest.mark.parametrize("step_us", [0, 1000])
def test_what_a_timer_gives_the_loop_is_done_before_the_next_one(step_us):
    seen = []

    def act(loop, queue):
        def tick(number):
            loop.call_soon(lambda: seen.append(("loop", number, loop.now_us())))
            seen.append(("timer", number, loop.now_us()))
            if number < 20:
                queue.call_at_us(queue.now_us() + step_us, partial(tick, number + 1))

        tick(0)

    run(act)
    assert seen == [(who, number, number * step_us)
                    for number in range(21) for who in ("timer", "loop")]


def test_cancelled_timer_never_comes_and_leaves_no_room_taken():
    seen = []

    def act(loop, queue):
        for number in range(1000):
            timer = queue.call_at_us(1000 + number, partial(seen.append, number))
            if number % 10:
                timer.cancel()
                timer.cancel()
        assert len(queue._waiting) < 400

    run(act)
    assert seen == list(range(0, 1000, 10))


def test_timer_may_cancel_another_of_its_moment_and_set_one_that_is_due():
    seen = []

    def act(loop, queue):
        def first():
            seen.append("first")
            second.cancel()
            queue.call_at_us(1000, partial(seen.append, "again"))

        queue.call_at_us(1000, first)
        second = queue.call_at_us(1000, partial(seen.append, "second"))
        queue.call_at_us(1000, partial(seen.append, "third"))

    run(act)
    assert seen == ["first", "third", "again"]


def test_timer_that_fails_keeps_nothing_from_the_others():
    seen = []

    def act(loop, queue):
        loop.set_exception_handler(lambda loop, context: seen.append("failed"))
        queue.call_at_us(1000, lambda: 1 // 0)
        queue.call_at_us(1000, partial(seen.append, "second"))
        queue.call_at_us(2000, partial(seen.append, "third"))

    run(act)
    assert seen == ["failed", "second", "third"]


def test_year_of_idle_time_passes_in_one_step():
    seen = []

    def act(loop, queue):
        queue.call_at_us(365 * 86400 * 1_000_000, lambda: seen.append(loop.time()))

    run(act, 400 * 86400)
    assert seen == [365 * 86400]


@pytest.mark.parametrize("drift_ppm", [-40_000, -20, 0, 20, 40_000])
def test_clock_drifts_by_so_many_millionths(drift_ppm):
    seen = []

    def act(loop, queue):
        timers = NodeTimers(queue, drift_ppm)
        loop.call_at(3600, lambda: seen.append(timers.now_ms()))

    run(act)
    assert seen == [HOUR_MS * (1_000_000 + drift_ppm) // 1_000_000]


@pytest.mark.parametrize("drift_ppm", [-40_000, -20, 0, 1, 20, 33_333])
def test_at_each_timer_its_clock_shows_the_very_millisecond_it_was_set_for(drift_ppm):
    seen = []

    def act(loop, queue):
        timers = NodeTimers(queue, drift_ppm)

        def tick(due_ms):
            seen.append((due_ms, timers.now_ms()))
            if due_ms < 2_000_000:
                timers.call_at_ms(due_ms + 997, partial(tick, due_ms + 997))

        timers.call_at_ms(0, partial(tick, 0))

    run(act)
    assert len(seen) > 2000 and all(due_ms == shown_ms for due_ms, shown_ms in seen)


def test_clock_never_goes_back_when_its_drift_changes():
    seen = []

    def act(loop, queue):
        timers = NodeTimers(queue)
        for step in range(500):
            loop.call_at(step * 0.0017, lambda: seen.append(timers.now_ms()))
            loop.call_at(step * 0.0017, timers.set_drift, (-1) ** step * step * 100)
        loop.call_at(0.85, timers.set_drift, 0)
        loop.call_at(0.85, lambda: seen.append(timers.now_ms()))
        loop.call_at(1.85, lambda: seen.append(timers.now_ms()))

    run(act)
    assert seen == sorted(seen) and seen[-1] == seen[-2] + 1000
