"""Works that wait for a disk in virtual time, and what a crash amid them leaves."""

import asyncio

from simulator import virtual_time
from simulator.disk_executor import DiskExecutor


def test_nothing_of_a_work_has_happened_before_its_time_is_over():
    async def main():
        loop, done = asyncio.get_running_loop(), []
        disk = DiskExecutor(lambda: 0.5)
        works = [loop.run_in_executor(disk, done.append, number) for number in range(3)]
        await asyncio.sleep(0.7)
        assert done == [0]
        await asyncio.gather(*works)
        return done, loop.time()

    assert virtual_time.run(main) == ([0, 1, 2], 1.5)


def test_work_that_takes_no_time_is_done_at_once_and_its_error_arrives():
    async def main():
        loop, disk = asyncio.get_running_loop(), DiskExecutor(lambda: 0.0)
        assert loop.run_in_executor(disk, divmod, 7, 2).result() == (3, 1)
        failed = loop.run_in_executor(disk, divmod, 7, 0)
        return isinstance(failed.exception(), ZeroDivisionError)

    assert virtual_time.run(main)


def test_cut_meets_the_work_under_way_and_none_that_waits_behind_it():
    async def main():
        loop, done = asyncio.get_running_loop(), []
        disk = DiskExecutor(lambda: 0.5)
        works = [loop.run_in_executor(disk, done.append, number) for number in range(3)]
        await asyncio.sleep(0.1)
        disk.cut()
        assert done == [0]
        await asyncio.sleep(10)
        assert not any(work.done() for work in works), "nobody hears of what a dead one did"
        return done

    assert virtual_time.run(main) == [0]


def test_cleaning_up_after_a_cut_is_done_at_once():
    async def main():
        loop, done = asyncio.get_running_loop(), []
        disk = DiskExecutor(lambda: 0.5)
        disk.cut()
        await loop.run_in_executor(disk, done.append, "closed")
        return done, loop.time()

    assert virtual_time.run(main) == (["closed"], 0)
