"""Find what runs so often that a node's image keeps it on the heap: resident_code.txt.

Three nodes live an hour of virtual time with tools/node_hour.py's server, here on CPython. What
a node's timers run TURNS_MIN times in the hour, or BURST_MIN times in a minute of it, without any
message, is resident; all else goes into overlays (tools/link_image.py), and may cost the reading
of a file. `python -m tools.generate_resident_code` writes the list, `--check` compares it,
`--counts` prints in how many turns of the hour, and of its busiest minute, each function ran.
"""

import collections
import functools
import sys
from pathlib import Path

from protocol.settings import FURNITURES
from tests.micropython import hour
from tools import node_hour

ROOT = Path(__file__).resolve().parents[1]
LISTED = ROOT / "tools/resident_code.txt"
FOLDERS = ("firmware", "protocol")
# A lamp looks at its sensors every ten seconds, and moves its light twenty times a second.
TURNS_MIN = 300
BURST_MIN = 20
MINUTE_MS = 60000


class NodeHere:
    """A node in this process, asked as tests/micropython/hour.py is.

    `turns` says in how many turns of a minute, (minute, name), each function ran.
    """

    def __init__(self, furniture: str) -> None:
        self._board, self._node = hour.make(furniture)
        self._codes: set = set()
        self.turns: collections.Counter = collections.Counter()

    def ask(self, line: str) -> str:
        said: list[str] = []
        sys.setprofile(self._note)
        try:
            hour.take(self._board, self._node, line)
            hour.answer(self._node, said.append)
        finally:
            sys.setprofile(None)
        answer = "".join(said)
        if " " not in line + answer:
            minute = int(line) // MINUTE_MS
            self.turns.update({(minute, name_of(code)) for code in self._codes})
        self._codes.clear()
        return answer

    def _note(self, frame, event, argument) -> None:
        if event == "call":
            self._codes.add(frame.f_code)


def count_turns(furniture: str) -> tuple[collections.Counter, collections.Counter]:
    """Return in how many turns of the hour, and of its busiest minute, each function ran."""
    server = node_hour.Server(furniture)
    node = NodeHere(furniture)
    node_hour.play(node, server)
    assert server.is_content(), furniture
    hours, minutes = collections.Counter(), collections.Counter()
    for (_, name), turns in node.turns.items():
        if name is not None:
            hours[name] += turns
            minutes[name] = max(minutes[name], turns)
    return hours, minutes


@functools.cache
def name_of(code) -> str | None:
    """Return "module Class.method" of a function of ours, None of any other."""
    path = Path(code.co_filename)
    if not path.is_relative_to(ROOT) or "<" in code.co_qualname:
        return None
    parts = path.relative_to(ROOT).with_suffix("").parts
    return f"{'.'.join(parts)} {code.co_qualname}" if parts[0] in FOLDERS else None


def main(arguments: list[str]) -> int:
    hours, minutes = collections.Counter(), collections.Counter()
    for furniture in FURNITURES:
        for known, counted in zip((hours, minutes), count_turns(furniture)):
            known |= counted
    if "--counts" in arguments:
        for name, count in hours.most_common():
            print(f"{count:6} {minutes[name]:6} {name}")
        return 0
    often = sorted(name for name in hours
                   if hours[name] >= TURNS_MIN or minutes[name] >= BURST_MIN)
    text = "".join(name + "\n" for name in often)
    if "--check" not in arguments:
        LISTED.write_text(text)
    elif text != LISTED.read_text():
        listed = set(LISTED.read_text().splitlines())
        print(f"{LISTED.name} is not fresh: python -m tools.generate_resident_code",
              *sorted(listed ^ set(often)), sep="\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
