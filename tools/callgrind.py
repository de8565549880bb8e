"""How many instructions a MicroPython program takes: valgrind's callgrind, the same at each run.

MicroPython i386 of Debian 13 needs valgrind 3.24: where the machine's own cannot run it, Debian
13's is unpacked into `build/valgrind`. Nothing of it is imported or shipped.
"""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from tools.debian_tools import LIBRARIES, LOADERS, PrivateApt, SetupError, debian_mirror

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build/valgrind"
MICROPYTHON = ROOT / ".tools/debian/i386"
TIME_LIMIT_S = 300
COLLECTED = r"Collected : (\d+)"
LAUNCHERS = ("usr/bin/valgrind", "usr/libexec/valgrind")


class NotCountable(Exception):
    """This machine cannot count instructions; the message says why."""


class Callgrind:
    """A valgrind that can run MicroPython i386; raises NotCountable if none can be had."""

    def __init__(self) -> None:
        if not MICROPYTHON.exists():
            raise NotCountable("no micropython-i386 in .tools: `make tools` says why")
        self._valgrind: list[str] = []
        self._environment: dict[str, str] = {}
        own = shutil.which("valgrind")
        if own and self._is_good([own], {}):
            return
        if not (FOLDER / LAUNCHERS[0]).exists():
            fetch(FOLDER)
        launcher, libraries = (FOLDER / name for name in LAUNCHERS)
        # Without the launcher itself, whose C library is Debian 13's: what it runs is static.
        environment = {"VALGRIND_LAUNCHER": str(launcher), "VALGRIND_LIB": str(libraries)}
        if not self._is_good([str(libraries / "callgrind-x86-linux")], environment):
            raise NotCountable("Debian 13's valgrind cannot run micropython-i386 here")

    def instructions(self, script: str, *arguments: str) -> int:
        """Return what running the text `script` with `arguments` takes, the start included."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "script.py")
            path.write_text(script)
            return self._count(path, arguments)

    def _is_good(self, valgrind: list[str], environment: dict[str, str]) -> bool:
        self._valgrind, self._environment = valgrind, environment
        try:
            return self.instructions("") > 0
        except NotCountable:
            return False

    def _count(self, script: Path, arguments: tuple[str, ...]) -> int:
        program = [MICROPYTHON / LOADERS["i386"], "--library-path",
                   MICROPYTHON / LIBRARIES["i386"], MICROPYTHON / "usr/bin/micropython"]
        result = subprocess.run(
            [*self._valgrind, "--tool=callgrind", "--callgrind-out-file=/dev/null", *program,
             script, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=TIME_LIMIT_S,
            # Few variables: the length of the environment moves the count.
            env={"MICROPYPATH": f"{ROOT}:.frozen", "PATH": os.defpath, **self._environment})
        found = re.search(COLLECTED, result.stderr)
        if result.returncode or not found:
            raise NotCountable(result.stderr[-2000:] + result.stdout[-2000:])
        return int(found[1])


def fetch(folder: Path) -> None:
    """Unpack Debian 13's valgrind into `folder`; raises NotCountable."""
    try:
        with tempfile.TemporaryDirectory() as scratch:
            apt = PrivateApt(Path(scratch), debian_mirror())
            apt.update()
            archive = next(path for path in apt.download("valgrind:amd64")
                           if path.name.startswith("valgrind_"))
            subprocess.run(["dpkg-deb", "--extract", archive, folder], check=True)
    except (SetupError, OSError, StopIteration, subprocess.CalledProcessError) as error:
        raise NotCountable(f"no valgrind from Debian: {error}") from error
