"""Say in the names of the sources what a traceback of a compiled image says in short ones.

`python -m tools.explain_traceback NAMES < TRACEBACK`, with the file that `make boards` leaves
beside each image: `build/boards/<BOARD>.names.json`. Images have no line numbers; a line of a
traceback becomes the source file and the function. Where several functions bear a name in one
file, all are named. Lines of any other text pass as they are.
"""

import json
import re
import sys
from pathlib import Path

from tools.link_scopes import CORE

FRAME = re.compile(r'(?P<head>\s*File )"(?P<file>[^"]*)", line \d+(?:, in (?P<name>.*))?')
ERROR = re.compile(r"(?P<name>[A-Za-z_]\w*)(?P<rest>:.*|)")
# In the core each call of what is put aside passes through one.
DISPATCH = "<lambda>"


def explain(text: str, names: dict[str, dict[str, list[str]]]) -> str:
    """Return `text` with the names that `names` gives: by file of the image and name there."""
    lines = []
    for line in text.splitlines():
        frame = FRAME.fullmatch(line)
        error = ERROR.fullmatch(line)
        if frame and frame["file"] == CORE and frame["name"] == DISPATCH:
            continue
        if frame and frame["file"] in names:
            origins = names[frame["file"]].get(frame["name"], ())
            line = "\n".join(f"{frame['head']}{_place(each)}" for each in _all(origins, frame))
        elif error and error["name"] in names.get(CORE, {}):
            line = names[CORE][error["name"]][0].split()[-1] + error["rest"]
        lines.append(line)
    return "".join(line + "\n" for line in lines)


def _all(origins, frame) -> list[str]:
    return list(origins) or [f"{frame['file']} {frame['name']}"]


def _place(origin: str) -> str:
    module, name = origin.split(maxsplit=1)
    return f'"{module.replace(".", "/")}.py", in {name}'


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    names = json.loads(Path(arguments[0]).read_text())
    sys.stdout.write(explain(sys.stdin.read(), names))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
