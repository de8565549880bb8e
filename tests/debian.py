"""The Debian programs that tests run: MicroPython, Mosquitto, libcoap."""

import os
from pathlib import Path

import pytest

BIN = Path(__file__).resolve().parents[1] / ".tools/bin"


def program(name: str) -> str:
    """Return the path of a program of `tools/debian_tools.py`.

    Without it the test that asks is skipped; where CI=true, it fails.
    """
    path = BIN / name
    if path.exists():
        return str(path)
    reason = f"{name} is missing: `make setup` says why"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
