"""How a node's code ends amid a call: by a power cut, or by the reset that it asked for."""

from collections.abc import Callable


class Halted(BaseException):
    """The node's processor stands still, and what it was doing is never done.

    No handler of the firmware may see it: it is for `node_driver.NodeDriver` alone, which calls
    `then()` when the node is off. `appended` is what an append that was cut has left on flash.
    """

    def __init__(self, then: Callable[[], None] | None = None, appended: bytes = b"") -> None:
        super().__init__("the node stands still")
        self.then = then
        self.appended = appended
