"""Write a node's settings file by hand, until the technician's tools do it.

`python -m tools.node_settings FILE KEY=VALUE...` checks and writes the settings; a furniture's
own keys are written like the others (`bays=4`). `python -m tools.node_settings --wlan FILE SSID`
asks for the password and writes the access point; `--keys FILE CREDENTIALS` writes the node's keys
from its credentials, once: to write them again lets its numbers begin anew. `docs/nodes.md` lists
the keys of the settings.
"""

import getpass
import json
import sys
from pathlib import Path

from firmware import keys
from protocol import cbor, credentials
from protocol.errors import DecodeError
from protocol.settings import Settings, encode

USAGE = ("usage: python -m tools.node_settings FILE KEY=VALUE...\n"
         "       python -m tools.node_settings --wlan FILE SSID\n"
         "       python -m tools.node_settings --keys FILE CREDENTIALS")
TEXT_KEYS = ("server_uri", "timezone", "asset", "name")


def settings_of(assignments: list[str]) -> Settings:
    """Return the settings that `key=value` texts make; raises DecodeError with what is wrong."""
    common, furniture = {}, {}
    for assignment in assignments:
        key, sign, text = assignment.partition("=")
        if not sign or key == "furniture":
            raise DecodeError(f"{assignment}: write KEY=VALUE")
        own = common if key in Settings._fields else furniture
        own[key] = text if key in TEXT_KEYS else value_of(text)
    return Settings(furniture=furniture, **common)


def value_of(text: str) -> object:
    """Return the number, truth value or list that `text` is as JSON; any other text as it is."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, (bool, int, list)) else text


def write(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(data)


def main(arguments: list[str]) -> int:
    """Write the file that the command line describes; return the exit code."""
    if arguments[:1] == ["--wlan"] and len(arguments) == 3:
        password = getpass.getpass("password of the access point: ")
        write(Path(arguments[1]), cbor.encode({"ssid": arguments[2], "password": password}))
        return 0
    is_of_keys = arguments[:1] == ["--keys"] and len(arguments) == 3
    if not is_of_keys and (not arguments or arguments[0].startswith("-")):
        print(USAGE, file=sys.stderr)
        return 2
    try:
        if is_of_keys:
            given = credentials.decode(Path(arguments[2]).read_bytes())
            write(Path(arguments[1]), keys.encode(0, credentials.encode(given)))
        else:
            write(Path(arguments[0]), encode(settings_of(arguments[1:])))
    except (DecodeError, OSError) as error:
        print(f"node_settings: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
