"""The frame of a run in real time: where it writes, how it is stopped, what it says at its end."""

import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from simulator.child_process import ProcessError
from simulator.result import Result
from simulator.result_screen import print_summary
from simulator.run_folder import STDOUT, folder_of


async def carry_out(
    live: Callable[[Path], Awaitable[Result]], name: str, keep: str | None, json_path: str | None
) -> int:
    """Return the exit code of the run `live(folder)`: 0 only if every check of it holds.

    Its result goes to stdout in words, or as JSON to `json_path`.
    """
    started_s = time.monotonic()
    # Both end it as Ctrl-C does: the processes that it started go too.
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, asyncio.current_task().cancel)
    with folder_of(keep, f"faubourg-{name}-") as folder:
        try:
            result = await live(folder)
        except ProcessError as error:
            print(f"faubourg-sim: {error}", file=sys.stderr)
            return 1
    result = result.with_wall_s(time.monotonic() - started_s)
    is_json_shown = json_path == STDOUT
    print_summary(result, is_json_shown)
    if is_json_shown:
        print(result.to_json(), end="")
    elif json_path:
        Path(json_path).write_text(result.to_json(), encoding="utf-8")
    return 0 if result.is_ok else 1
