"""A run's picture on a terminal, redrawn in place; elsewhere a line now and then."""

import time
from collections.abc import Callable

from rich.console import Console, Group
from rich.live import Live

LINE_EVERY_S = 5


class LiveScreen:
    """Use it as a context while there is something to show; results go to stdout, this not."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.console = Console(stderr=True)
        self._live = Live(console=self.console, auto_refresh=False, transient=False)
        self._next_line_s = 0.0

    def __enter__(self) -> "LiveScreen":
        if self.console.is_terminal:
            self._live.start()
        else:
            self.say(self.title)
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def say(self, text: str) -> None:
        """Print a line above the picture."""
        self.console.print(text, highlight=False, soft_wrap=True)

    def update(self, picture: Group, line: Callable[[], str]) -> None:
        """Show `picture`, or where there is no terminal `line()` if its time has come."""
        if self.console.is_terminal:
            self._live.update(picture, refresh=True)
        elif time.monotonic() >= self._next_line_s:
            self._next_line_s = time.monotonic() + LINE_EVERY_S
            self.say(line())
