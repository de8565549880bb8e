"""What a run was made with: equal runs want equal versions."""

import platform
from importlib.metadata import version

import apsw


def versions() -> dict[str, str]:
    """Return {name: version} of Faubourg, and of what the trace of a run depends on besides."""
    packages = {name: version(name) for name in ("faubourg", "aiocoap", "cbor2", "cryptography")}
    return {**packages, "SQLite": apsw.sqlite_lib_version(),
            "Python": platform.python_version(), "platform": platform.machine()}
