"""Resolve pyproject.toml into requirements.lock (what runs) and requirements-dev.lock (and tests).

Both name every package, direct or not, with a version and the hashes of its files, for all
supported Pythons and platforms, and no index or path of this machine.
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

UV = "uv==0.13.9"
OLDEST_PYTHON = "3.11"
ROOT = Path(__file__).resolve().parents[1]


def compile_lock(uv: Path, output: str, *options: str) -> None:
    subprocess.run(
        [uv, "pip", "compile", "--no-config", "--universal", "--python-version", OLDEST_PYTHON,
         "--generate-hashes", "--no-annotate", "--upgrade", "--quiet",
         "--custom-compile-command", "make lock", *options,
         "pyproject.toml", "--output-file", output],
        cwd=ROOT, check=True)
    print(f"lock: wrote {output}")


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        print(f"lock: installing {UV} aside")
        venv.create(folder, with_pip=True)
        bin_folder = Path(folder, "bin")
        subprocess.run([bin_folder / "pip", "install", "--quiet", UV], check=True)
        compile_lock(bin_folder / "uv", "requirements.lock")
        compile_lock(bin_folder / "uv", "requirements-dev.lock", "--extra", "dev",
                     "--constraints", "requirements.lock")
    return 0


if __name__ == "__main__":
    sys.exit(main())
