"""Virtual time: it jumps to what is due, keeps the order, knows no threads and no waiting."""

import asyncio

import pytest

from simulator import virtual_time
from simulator.virtual_time import DelayedExecutor, NothingWillHappen

YEAR_S = 365 * 86400


def test_time_jumps_to_each_timer_exactly():
    async def main():
        loop, seen = asyncio.get_running_loop(), []
        for due_s in (YEAR_S, 0.1, 3.5, 0.1):
            loop.call_at(due_s, lambda due_s=due_s: seen.append((due_s, loop.time())))
        await asyncio.sleep(YEAR_S + 1)
        return seen, loop.now_us()

    seen, now_us = virtual_time.run(main)
    assert seen == [(0.1, 0.1), (0.1, 0.1), (3.5, 3.5), (YEAR_S, YEAR_S)]
    assert now_us == (YEAR_S + 1) * 1_000_000


def test_timers_of_one_moment_run_in_the_same_order_each_time():
    async def main():
        loop, seen = asyncio.get_running_loop(), []
        for number in range(50):
            loop.call_at(7.0, seen.append, number)
        await asyncio.sleep(8.0)
        return seen

    first = virtual_time.run(main)
    assert sorted(first) == list(range(50)) and virtual_time.run(main) == first


def test_timeouts_end_what_takes_too_long():
    async def main():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.sleep(3600), 247)
        return asyncio.get_running_loop().time()

    assert virtual_time.run(main) == 247


def test_waiting_for_nothing_is_an_error_and_no_hang():
    async def main():
        await asyncio.get_running_loop().create_future()

    with pytest.raises(NothingWillHappen):
        virtual_time.run(main)


def test_works_of_an_executor_follow_each_other_and_take_their_virtual_time():
    async def main():
        loop, done = asyncio.get_running_loop(), []
        disk = DelayedExecutor(lambda: 0.5)
        works = [loop.run_in_executor(disk, done.append, number) for number in range(3)]
        assert done == [0, 1, 2] and loop.time() == 0
        await works[1]
        assert not works[2].done()
        await asyncio.gather(*works)
        return loop.time()

    assert virtual_time.run(main) == 1.5


def test_timer_whose_callback_raises_ends_the_run_with_what_it_raised():
    seen = []

    async def main():
        loop = asyncio.get_running_loop()
        loop.call_at(3.0, divmod, 1, 0)
        loop.call_at(4.0, seen.append, "later")
        await asyncio.sleep(YEAR_S)

    with pytest.raises(ZeroDivisionError):
        virtual_time.run(main)
    assert not seen


def test_what_a_thread_would_do_is_done_at_once_and_its_error_arrives():
    async def main():
        assert await asyncio.to_thread(sum, (1, 2)) == 3
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(divmod, 1, 0)
        return asyncio.get_running_loop().time()

    assert virtual_time.run(main) == 0


def test_tasks_are_listed_by_age_and_what_is_left_is_cancelled():
    ended = []

    async def leave(number):
        try:
            await asyncio.sleep(YEAR_S)
        finally:
            ended.append(number)

    async def main():
        loop = asyncio.get_running_loop()
        made = [loop.create_task(leave(number)) for number in range(5)]
        await asyncio.sleep(1)
        assert loop.tasks()[1:] == made

    virtual_time.run(main)
    assert ended == [0, 1, 2, 3, 4]
