"""What the documentation says, taken out of its pages."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ALL = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
# Not docs/internals.md: it names commands of later releases too.
FOR_USERS = [page for page in ALL if page.name != "internals.md"]

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_PROGRAM = re.compile(r"(?:.*/)?(faubourg|faubourg-sim|make)$")


def links(page: Path) -> list[str]:
    """Return the targets of the page's links into the project, without fragments."""
    found = [target.partition("#")[0] for target in _LINK.findall(page.read_text())]
    return [target for target in found if target and "://" not in target]


def blocks(page: Path, language: str) -> list[str]:
    """Return the fenced blocks of `language`."""
    return [text for kind, text in _FENCE.findall(page.read_text()) if kind == language]


def spans(page: Path) -> list[str]:
    """Return the code spans outside the fenced blocks."""
    return _SPAN.findall(_FENCE.sub("", page.read_text()))


def command_lines(page: Path) -> list[list[str]]:
    """Return the words of each call of our programs: of shell blocks and of code spans."""
    lines = spans(page)
    for block in blocks(page, "sh"):
        lines += block.replace("\\\n", " ").splitlines()
    found = []
    for line in lines:
        words = _words(line.strip())
        if words[:1] == ["sudo"]:
            words = words[1:]
        if len(words) > 1 and (program := _PROGRAM.match(words[0])):
            found.append([program[1], *words[1:]])
    return found


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return []

