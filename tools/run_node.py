"""Run one node as a process of this machine, for the bench: `make node FURNITURE=lamp`.

`python -m tools.run_node FURNITURE NUMBER [KEY=VALUE...]` writes the node's settings into
`build/nodes/FURNITURE-NUMBER/` and becomes `boards/UNIX/main.py`: on MicroPython where `make
setup` has brought it, else on CPython. `docs/nodes.md` lists the keys. Its credentials are taken
from `build/FURNITURE-NUMBER.keys`, or the file that `credentials=FILE` names, when it begins
without any; with `security=none` it needs none.
"""

import os
import sys
from pathlib import Path

from firmware import keys
from protocol.errors import DecodeError
from protocol.identity import endpoint_name
from protocol.settings import FURNITURES, encode
from tools.node_settings import settings_of, write

ROOT = Path(__file__).resolve().parents[1]
MICROPYTHON = ROOT / ".tools/bin/micropython"
NUMBER_MAX = 255
# A bench wants to see something: no spread of thousands of nodes, a report every minute.
BENCH = ("server_uri=coap://127.0.0.1:5683", "registration_spread_s=0", "report_interval_s=60",
         "latitude_e6=47473900", "longitude_e6=-551700")


def mac_of(furniture: str, number: int) -> bytes:
    """Return a locally administered address, another one for each furniture and number."""
    return bytes((2, 0, 0, 0, FURNITURES.index(furniture) + 1, number))


def command_line(folder: Path, furniture: str, mac: bytes, credentials: str) -> list[str]:
    """Return what starts the node; the world file need not exist."""
    interpreter = str(MICROPYTHON) if MICROPYTHON.exists() else sys.executable
    return [interpreter, str(ROOT / "boards/UNIX/main.py"),
            "--settings", str(folder / "settings"), "--state", str(folder / "state"),
            "--furniture", furniture, "--mac", mac.hex(), "--world", str(folder / "world"),
            *(("--keys", credentials) if credentials else ())]


def main(arguments: list[str]) -> int:
    """Become the node; return an exit code only if that is impossible."""
    furniture, number = arguments[0], arguments[1]
    is_number = number.isdecimal() and 0 < int(number) <= NUMBER_MAX
    if furniture not in FURNITURES or not is_number:
        print(f"node: FURNITURE is one of {', '.join(FURNITURES)}, NUMBER 1 to {NUMBER_MAX}",
              file=sys.stderr)
        return 2
    folder, mac = ROOT / f"build/nodes/{furniture}-{number}", mac_of(furniture, int(number))
    given = dict(each.partition("=")[::2] for each in arguments[2:])
    credentials = given.pop("credentials", f"build/{furniture}-{number}.keys")
    own = [f"{key}={value}" for key, value in given.items()]
    try:
        settings = settings_of([*BENCH, f"name={furniture} {number}", *own])
    except DecodeError as error:
        print(f"node: {error}", file=sys.stderr)
        return 2
    if settings.security == "none":
        credentials = ""
        print("node: security=none: nothing it says or hears is protected", file=sys.stderr)
    elif not (Path(credentials).exists() or (folder / "state" / keys.KEY).exists()):
        print(f"node: it has no keys, and {credentials} is not there. A gateway makes them: "
              f"faubourg keys add {endpoint_name(mac)} --out {credentials}", file=sys.stderr)
        return 2
    write(folder / "settings", encode(settings))
    command = command_line(folder, furniture, mac, credentials)
    print(f"{endpoint_name(mac)}: {furniture} {number} on {Path(command[0]).name}, "
          f"kept in {folder.relative_to(ROOT)}; Ctrl-C signs it off", file=sys.stderr)
    search = {"MICROPYPATH": f"{ROOT}:.frozen", "PYTHONPATH": str(ROOT)}
    os.execve(command[0], command, {**os.environ, **search})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
