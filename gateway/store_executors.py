"""Where the store's works run: each in a thread of its own, or inline in virtual time."""

from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor

NewExecutor = Callable[[str], Executor]
"""Makes an executor that does one work after another, by the name of what it is for."""


def one_thread(name: str = "store") -> Executor:
    """Return an executor with one thread: the store asks for two, to write and to read."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)


class InlineExecutor(Executor):
    """Runs everything at once in the caller's thread: in virtual time threads would lose it."""

    def __init__(self, name: str = "") -> None:
        self.name = name

    def submit(self, function: Callable, /, *arguments: object, **keywords: object) -> Future:
        """Return the finished future of `function(...)`."""
        future: Future = Future()
        try:
            future.set_result(function(*arguments, **keywords))
        except BaseException as error:  # noqa: B902 - Executor.submit never raises what it runs
            future.set_exception(error)
        return future
