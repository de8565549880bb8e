"""The wheel holds all that the product needs, data files included, and nothing else."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("protocol", "firmware", "boards", "gateway", "simulator")
DATA = (".sql", ".service", ".toml", ".json")


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory):
    """The names inside a wheel that is made from a copy of the project."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in (*PACKAGES, "tools", "tests"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps",
                    "--no-build-isolation", "--wheel-dir", folder, source], check=True)
    (wheel,) = folder.glob("faubourg-*.whl")
    return zipfile.ZipFile(wheel).namelist()


def test_wheel_holds_every_source_and_data_file(wheel_names):
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*"):
            if path.suffix == ".py" or path.suffix in DATA:
                assert path.relative_to(ROOT).as_posix() in wheel_names


def test_wheel_holds_no_tests_and_no_tools(wheel_names):
    tops = {name.split("/")[0] for name in wheel_names}
    assert {name for name in tops if not name.startswith("faubourg-")} == set(PACKAGES)


def test_wheel_holds_the_licence(wheel_names):
    assert any(name.endswith("/licenses/LICENSE") for name in wheel_names)
