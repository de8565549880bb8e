"""Break each rule of delivery on purpose, in a copy of the project, and see a test fail.

    python -m tools.planted_bugs              all of them
    python -m tools.planted_bugs --list
    python -m tools.planted_bugs NAME ...

`tests/planted_bugs.toml` has a table per bug: `rule` (the promise it breaks), `file`, `old` (text
that stands in that file once), `new` (in its place), `tests` (what must fail). A bug counts as
found when its tests fail in the copy that holds it; before, they must pass in the copy without it,
so that nothing else can be the cause. Exit code 1 if a bug goes unnoticed.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUGS = ROOT / "tests/planted_bugs.toml"
# What a test run finds in the checkout and git does not have.
LINKED = (".venv", ".tools")
TIME_LIMIT_S = 900
TESTS_FAILED = 1


class BadBug(Exception):
    """A bug's text does not fit the project as it stands."""


@dataclass(frozen=True, slots=True)
class Bug:
    """One deliberate break: `old` in `file` becomes `new`, and one of `tests` must fail."""

    name: str
    rule: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def plant(self, folder: Path) -> None:
        """Write the bug into the copy in `folder`; raises BadBug."""
        path = folder / self.file
        text = path.read_text(encoding="utf-8")
        found = text.count(self.old)
        if found != 1:
            raise BadBug(f"{self.name}: its text stands {found} times in {self.file}, not once")
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")


def load(path: Path = BUGS) -> list[Bug]:
    """Return the bugs in the file, in their order."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return [Bug(name, each["rule"], each["file"], each["old"], each["new"],
                tuple(each["tests"])) for name, each in tables.items()]


def copy_project(folder: Path) -> None:
    """Copy what git tracks, as it stands now, and link what setup has made."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).exists():
            shutil.copy2(ROOT / name, target)
    for name in LINKED:
        (folder / name).symlink_to(ROOT / name)


def run_tests(folder: Path, tests: tuple[str, ...]) -> tuple[int, str]:
    """Return pytest's exit code in the copy, and the first failure's name if there is one."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    # Before the installed project: programs that tests start must run the copy too.
    environment = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True,
                            timeout=TIME_LIMIT_S)
    failed = [line.partition(" ")[2].split(" - ")[0] for line in result.stdout.splitlines()
              if line.startswith(("FAILED tests/", "ERROR tests/"))]
    return result.returncode, failed[0] if failed else result.stdout[-500:]


def is_found(bug: Bug) -> bool:
    """Tell whether the bug's tests pass without it and fail with it; say what was seen."""
    with tempfile.TemporaryDirectory(prefix="faubourg-bug-") as name:
        folder = Path(name)
        copy_project(folder)
        code, said = run_tests(folder, bug.tests)
        if code:
            print(f"NOT SOUND {bug.name}: fails without the bug too: {said}", flush=True)
            return False
        bug.plant(folder)
        code, said = run_tests(folder, bug.tests)
    if code != TESTS_FAILED:
        print(f"UNNOTICED {bug.name} ({bug.rule}): {', '.join(bug.tests)}", flush=True)
        return False
    print(f"found     {bug.name} ({bug.rule}): {said}", flush=True)
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="bugs to plant; none: all")
    parser.add_argument("--list", action="store_true", help="list them and stop")
    given = parser.parse_args()
    bugs = load()
    unknown = set(given.names) - {bug.name for bug in bugs}
    if unknown:
        parser.error(f"no such bug: {', '.join(sorted(unknown))}; see --list")
    if given.list:
        for bug in bugs:
            print(f"{bug.name:32} {bug.rule}")
        return 0
    chosen = [bug for bug in bugs if not given.names or bug.name in given.names]
    found = [is_found(bug) for bug in chosen]
    print(f"{sum(found)} of {len(found)} planted bugs found")
    return 0 if all(found) else 1


if __name__ == "__main__":
    sys.exit(main())
