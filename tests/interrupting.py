"""SIGINT for a node's process, at a moment that MicroPython survives."""

import os
import signal
import time
from pathlib import Path

PAUSE_S = 0.002


def interrupt(pid: int) -> None:
    """Have the process `pid` take its leave, as by Ctrl-C, while it waits in a system call.

    MicroPython's unix port raises KeyboardInterrupt between any two instructions of its own; in
    the middle of a garbage collection that leaves it without a heap.
    """
    while not _is_held_in_system_call(pid):
        os.kill(pid, signal.SIGCONT)
    os.kill(pid, signal.SIGINT)
    os.kill(pid, signal.SIGCONT)


def _is_held_in_system_call(pid: int) -> bool:
    _wait_for_state(pid, "SZ")
    os.kill(pid, signal.SIGSTOP)
    _wait_for_state(pid, "TZ")
    try:
        # The number of the call; it may have gone on since it was seen waiting.
        return Path(f"/proc/{pid}/syscall").read_text().split()[0].isdigit()
    except OSError:
        # It has ended, or the kernel does not tell.
        return True


def _wait_for_state(pid: int, states: str) -> None:
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in states:
        time.sleep(PAUSE_S)
