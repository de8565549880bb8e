"""Give this checkout the Debian programs that its tests need, in `.tools/`, without root.

It downloads and unpacks them from the machine's own Debian mirror with a private apt (own lists,
cache and status), and writes `.tools/bin/<program>`, which run each program through its own
dynamic loader, so that they need nothing of the machine's libraries. A program on the PATH that is
good enough is used as it is. Exit code 1 if one cannot be had.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SUITE = "trixie"
DEBIAN_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
CHECK_TIME_LIMIT_S = 30
OSCORE_USAGE = "-E oscore_conf_file"
MOSQUITTO_2_0_18 = r"version 2\.(0\.(1[89]|[2-9][0-9])|[1-9])"


@dataclass(frozen=True, slots=True)
class Tool:
    """A program, where Debian keeps it, and what a good enough one prints (a pattern)."""

    name: str
    package: str
    path: str
    architecture: str
    check: tuple[str, ...]
    expected: str
    missing_means: str


def portable_tool(name: str, architecture: str, word_size: str) -> Tool:
    # The release and the word size: sys.maxsize is 2**63-1 or 2**31-1.
    program = "import sys; v = sys.implementation.version; print(v[:2] >= (1, 24), sys.maxsize)"
    return Tool(name, "micropython", "usr/bin/micropython", architecture, ("-c", program),
                re.escape(f"True {word_size}"), f"the portable tests on {name}")


def coap_tool(name: str) -> Tool:
    return Tool(name, "libcoap3-bin", f"usr/bin/{name}-openssl", "amd64", ("--help",),
                OSCORE_USAGE, "the tests against libcoap")


def mosquitto_tool(name: str, package: str, path: str, option: str) -> Tool:
    return Tool(name, package, path, "amd64", (option,), MOSQUITTO_2_0_18,
                "the tests against Mosquitto")


TOOLS = (
    portable_tool("micropython", "amd64", str(2**63 - 1)),
    portable_tool("micropython-i386", "i386", str(2**31 - 1)),
    mosquitto_tool("mosquitto", "mosquitto", "usr/sbin/mosquitto", "-h"),
    mosquitto_tool("mosquitto_pub", "mosquitto-clients", "usr/bin/mosquitto_pub", "--version"),
    mosquitto_tool("mosquitto_sub", "mosquitto-clients", "usr/bin/mosquitto_sub", "--version"),
    coap_tool("coap-client"),
    coap_tool("coap-server"),
)

LOADERS = {"amd64": "usr/lib64/ld-linux-x86-64.so.2", "i386": "usr/lib/ld-linux.so.2"}
LIBRARIES = {"amd64": "usr/lib/x86_64-linux-gnu", "i386": "usr/lib/i386-linux-gnu"}

# Finds its own folder, so that the checkout can be moved.
WRAPPER = """#!/bin/sh
root="${{0%/*}}/../debian/{architecture}"
exec "$root/{loader}" --library-path "$root/{libraries}" "$root/{path}" "$@"
"""


class SetupError(Exception):
    """A program cannot be had on this machine; the message says why."""


def say(text: str) -> None:
    print(f"tools: {text}", flush=True)


def is_good(tool: Tool, program: str) -> bool:
    """Say whether `program` runs and prints what `tool` expects."""
    try:
        result = subprocess.run([program, *tool.check], capture_output=True, text=True,
                                errors="replace", timeout=CHECK_TIME_LIMIT_S)
    except (OSError, subprocess.TimeoutExpired):
        return False
    printed = result.stdout + result.stderr
    return re.search(tool.expected, printed) is not None


def find_on_path(tool: Tool) -> str | None:
    """Return the machine's own program, if it is good enough."""
    for name in (tool.name, Path(tool.path).name):
        program = shutil.which(name)
        if program and is_good(tool, program):
            return program
    return None


def run(command: list[str], **options) -> subprocess.CompletedProcess:
    result = subprocess.run(command, text=True, **options)
    if result.returncode:
        detail = f": {result.stderr.strip()}" if result.stderr else ""
        raise SetupError(f"`{' '.join(command[:1] + command[-3:])}` failed{detail}")
    return result


def debian_mirror() -> str:
    """Return the address that this machine's apt gets Debian's own packages from."""
    if not shutil.which("apt-get"):
        raise SetupError("no apt-get: not a Debian machine")
    release = Path("/etc/os-release").read_text()
    fields = dict(line.split("=", 1) for line in release.splitlines() if "=" in line)
    codename = fields.get("VERSION_CODENAME", "").strip('"')
    listing = run(["apt-get", "indextargets", "--format",
                   "$(CREATED_BY) $(REPO_URI) $(RELEASE) $(COMPONENT)"], capture_output=True)
    if fields.get("ID") == "debian":
        for line in listing.stdout.splitlines():
            kind, uri, suite, component = line.split()[:4]
            if (kind, component) == ("Packages", "main") and suite in (codename, "stable"):
                return uri
    raise SetupError("apt's sources name no Debian mirror")


class PrivateApt:
    """An apt with the machine's own transport settings, and lists, cache and status of ours."""

    def __init__(self, folder: Path, mirror: str) -> None:
        for name in ("lists/partial", "archives/partial"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "status").touch()
        signed_by = f"[signed-by={DEBIAN_KEYRING}] " if Path(DEBIAN_KEYRING).exists() else ""
        (folder / "sources.list").write_text(f"deb {signed_by}{mirror} {SUITE} main\n")
        self._archives = folder / "archives"
        self._options = []
        for option in (
            f"Dir::Etc::SourceList={folder}/sources.list",
            "Dir::Etc::SourceParts=/dev/null",
            f"Dir::State={folder}",
            f"Dir::State::Lists={folder}/lists",
            f"Dir::State::status={folder}/status",
            f"Dir::Cache={folder}",
            f"Dir::Cache::archives={folder}/archives",
            "APT::Architectures::=amd64",
            "APT::Architectures::=i386",
            "APT::Sandbox::User=",
            "Acquire::Languages=none",
            "Acquire::Retries=3",
            "Debug::NoLocking=1",
        ):
            self._options += ["-o", option]

    def update(self) -> None:
        # Progress goes to the standard error stream: standard output is for our own few lines.
        run(["apt-get", *self._options, "update", "-q"], stdout=sys.stderr)

    def download(self, package: str) -> list[Path]:
        """Return the archives of `package` and of all that it depends on."""
        install = ["install", "--yes", "--no-install-recommends", package]
        listed = run(["apt-get", *self._options, "--print-uris", *install], capture_output=True)
        names = [line.split()[1] for line in listed.stdout.splitlines() if line.startswith("'")]
        if any(not (self._archives / name).exists() for name in names):
            run(["apt-get", *self._options, "-q", "--download-only", *install],
                stdout=subprocess.DEVNULL)
        return [self._archives / name for name in names]


def unpack(archives: dict[str, list[Path]], folder: Path) -> None:
    """Unpack each architecture's archives into `folder`/<architecture>, which they replace."""
    partial = folder.with_name("debian.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for architecture, paths in archives.items():
        root = partial / architecture
        # Debian 13's packages expect these links to be there already.
        for name in ("bin", "lib", "lib64", "sbin"):
            (root / "usr" / name).mkdir(parents=True)
            (root / name).symlink_to(f"usr/{name}")
        for path in dict.fromkeys(paths):
            run(["dpkg-deb", "--extract", str(path), str(root)], capture_output=True)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def write_wrapper(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text)
    partial.chmod(0o755)
    partial.replace(path)


def debian_wrapper(tool: Tool) -> str:
    return WRAPPER.format(architecture=tool.architecture, loader=LOADERS[tool.architecture],
                          libraries=LIBRARIES[tool.architecture], path=tool.path)


def fetch(tools: list[Tool], folder: Path) -> None:
    """Unpack `tools` from the machine's mirror and write their wrappers."""
    mirror = debian_mirror()
    say(f"reading Debian {SUITE}'s package lists from {mirror}")
    apt = PrivateApt(folder / "apt", mirror)
    apt.update()
    archives: dict[str, list[Path]] = {}
    for package, architecture in dict.fromkeys((t.package, t.architecture) for t in tools):
        say(f"downloading {package} ({architecture}) and its libraries")
        archives.setdefault(architecture, []).extend(apt.download(f"{package}:{architecture}"))
    say("unpacking")
    unpack(archives, folder / "debian")
    for tool in tools:
        write_wrapper(folder / "bin" / tool.name, debian_wrapper(tool))
    shutil.rmtree(folder / "apt")


def stamp_text() -> str:
    """What the tools folder was made from: this very file."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest() + "\n"


def make(folder: Path) -> list[Tool]:
    """Fill `folder`; return the tools that this machine cannot have, having said why."""
    (folder / "bin").mkdir(exist_ok=True)
    wanted = []
    for tool in TOOLS:
        program = find_on_path(tool)
        if program:
            say(f"{tool.name}: the machine's own {program}")
            write_wrapper(folder / "bin" / tool.name, f'#!/bin/sh\nexec {program} "$@"\n')
        else:
            wanted.append(tool)
    try:
        if wanted:
            fetch(wanted, folder)
    except (SetupError, OSError) as error:
        say(f"cannot fetch from Debian: {error}")
    return [tool for tool in TOOLS if not is_good(tool, str(folder / "bin" / tool.name))]


def main() -> int:
    folder = Path(__file__).resolve().parent.parent / ".tools"
    folder.mkdir(exist_ok=True)
    stamp = folder / "stamp"
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == stamp_text():
            return 0
        missing = make(folder)
        for tool in missing:
            say(f"MISSING {tool.name}: {tool.missing_means} cannot run")
        if not missing:
            stamp.write_text(stamp_text())
            say(f"ready: {', '.join(tool.name for tool in TOOLS)}")
    return 1 if missing else 0


if __name__ == "__main__":
    os.environ["LC_ALL"] = "C.UTF-8"
    sys.exit(main())
