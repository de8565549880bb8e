"""Names that every MicroPython holds in read-only memory: they cost a node no heap.

`interpreter_names.txt` lists those of the interpreter that tests use, without what only its unix
port has. `python -m tools.interpreter_names` writes it anew, with `--check` it compares. A name
that another release or port lacks costs some bytes there, and nothing else.
"""

import re
import subprocess
import sys
from pathlib import Path

from tests import debian

LISTED = Path(__file__).with_suffix(".txt")
BINARY = Path("usr/bin/micropython")
WORD = re.compile(rb"[A-Za-z_][A-Za-z_0-9]*")
# Of the unix port alone: its terminal, foreign functions, sockets and sample programs.
UNIX_ONLY = re.compile(
    r"B\d+|_.*|ffi.*|j(class|method|ni|object)|TCSANOW|setraw|tc[gs]etattr|termios|sockaddr"
    r"|inet_.*|[A-Z][a-z]*|as_bytearray|branch|cfun|chunked|clock|deps|hashes|install|latest"
    r"|package_json_url|parse_headers|patch|short_hash|status_code|urls")
# Runs in MicroPython: says of each word whether it is new to the interpreter.
PROBE = """
import micropython, sys
class Names: pass
for line in sys.stdin:
    setattr(Names, line.strip(), None)
    delattr(Names, line.strip())
    micropython.qstr_info()
"""
# Runs in MicroPython: prints the names that its modules and types show.
SHOWN = """
import sys
def show(thing, depth):
    for name in dir(thing):
        print(name)
        if depth and hasattr(thing, name):
            show(getattr(thing, name), depth - 1)
for name in sys.argv[1:]:
    print(name)
    show(__import__(name), 2)
"""
MODULES = (
    "array binascii builtins cmath collections deflate errno framebuf gc hashlib heapq io json"
    " math micropython os random re select socket struct sys time tls uctypes vfs websocket"
).split()


def listed() -> list[str]:
    """Return the names, the shortest first: they are also written into each file of an image."""
    return sorted(LISTED.read_text().split(), key=lambda word: (len(word), word))


def known(words: list[str]) -> list[str]:
    """Return those of `words` that the interpreter on i386 has in its read-only memory."""
    # The first word is a new one, to count from.
    lines = _run(PROBE, ["no_name_of_it", *words])
    counts = [int(line.split("n_qstr=")[1].split(",")[0]) for line in lines]
    return [word for word, before, after in zip(words, counts, counts[1:]) if before == after]


def candidates() -> list[str]:
    """Return the words that may be names of the interpreter."""
    binary = Path(debian.program("micropython-i386")).parents[1] / "debian/i386" / BINARY
    words = {word.decode() for word in WORD.findall(binary.read_bytes())}
    words |= set(_run(SHOWN, (), *MODULES))
    return sorted(word for word in words if not UNIX_ONLY.fullmatch(word))


def _run(program: str, words, *arguments: str) -> list[str]:
    command = [debian.program("micropython-i386"), "-X", "heapsize=4m", "-c", program, *arguments]
    done = subprocess.run(command, input="".join(word + "\n" for word in words), text=True,
                          capture_output=True, check=True)
    return done.stdout.splitlines()


def main(arguments: list[str]) -> int:
    text = "".join(word + "\n" for word in known(candidates()))
    if "--check" not in arguments:
        LISTED.write_text(text)
    elif text != LISTED.read_text():
        print(f"{LISTED.name} is not what this interpreter has: python -m tools.interpreter_names")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
