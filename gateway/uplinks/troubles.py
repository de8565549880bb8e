"""What keeps an uplink from delivering: told when it begins, every hour, and when it ends."""

from collections.abc import Callable

REMINDER_MS = 3_600_000
NODES_MAX = 10_000

Note = Callable[[str, str], None]


class Troubles:
    """The troubles of one uplink by (kind, text), each with the nodes that have it.

    `note(kind, detail)` tells an operator; of one trouble at most once in REMINDER_MS, however
    often it comes and goes. `text` is for people: "" while all is well.
    """

    def __init__(self, note: Note, unix_ms: Callable[[], int]) -> None:
        self._note = note
        self._unix_ms = unix_ms
        self._nodes: dict[tuple[str, str], set[str]] = {}
        self._since_ms: dict[tuple[str, str], int] = {}
        self._noted_ms: dict[tuple[str, str], int] = {}
        self._told: set[tuple[str, str]] = set()

    @property
    def text(self) -> str:
        """Return what is wrong now."""
        return "; ".join(self._detail(key) for key in self._nodes)

    def begin(self, kind: str, text: str, node: str = "") -> None:
        """Say that `text` is so, for `node` or for all; it may be so for long."""
        key = kind, text
        nodes = self._nodes.setdefault(key, set())
        if len(nodes) < NODES_MAX:
            nodes.add(node)
        now_ms = self._unix_ms()
        self._since_ms.setdefault(key, now_ms)
        noted_ms = self._noted_ms.get(key)
        # The clock may step back: then it is told once more.
        if noted_ms is None or not 0 <= now_ms - noted_ms < REMINDER_MS:
            self._noted_ms[key] = now_ms
            self._told.add(key)
            self._note(kind, self._detail(key))

    def end(self, node: str = "") -> None:
        """Say that nothing is wrong any more with `node`, or with what concerns all."""
        for key in [each for each, nodes in self._nodes.items() if node in nodes]:
            self._nodes[key].discard(node)
            if not self._nodes[key]:
                self._over(key)

    def _over(self, key: tuple[str, str]) -> None:
        del self._nodes[key]
        lasted_s = max(self._unix_ms() - self._since_ms.pop(key), 0) // 1000
        if key in self._told:
            self._told.remove(key)
            self._note("uplink_recovered", f"after {lasted_s} s; it was: {key[1]}")

    def _detail(self, key: tuple[str, str]) -> str:
        nodes = self._nodes[key] - {""}
        if not nodes:
            return key[1]
        first = min(nodes)
        others = f" and {len(nodes) - 1} more" if len(nodes) > 1 else ""
        return f"{key[1]} ({first}{others})"
