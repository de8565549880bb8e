"""What `make check` proves: style, and generated files that match their sources."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
GENERATORS = sorted((ROOT / "tools").glob("generate_*.py"))


def run(*command: str) -> subprocess.CompletedProcess:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_ruff_finds_nothing():
    result = run(sys.executable, "-m", "ruff", "check", "--output-format", "concise", ".")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("generator", GENERATORS, ids=lambda path: path.stem)
def test_generated_files_are_fresh(generator):
    result = run(sys.executable, "-m", f"tools.{generator.stem}", "--check")
    assert result.returncode == 0, result.stdout + result.stderr


def test_lock_file_names_packages_with_hashes_and_no_place():
    for name in ("requirements.lock", "requirements-dev.lock"):
        for line in (ROOT / name).read_text().splitlines():
            assert line.startswith("#") or "==" in line or "--hash=sha256:" in line, line
            assert "://" not in line and "@" not in line and "--find-links" not in line, line


def test_lock_file_holds_every_direct_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    running = (ROOT / "requirements.lock").read_text()
    testing = (ROOT / "requirements-dev.lock").read_text()
    for requirement in project["dependencies"]:
        assert f"\n{requirement} \\" in running, requirement
    for requirement in project["dependencies"] + project["optional-dependencies"]["dev"]:
        assert f"\n{requirement} \\" in testing, requirement
