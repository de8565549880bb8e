"""Keep a release for later versions to be tested against: `python -m tools.release`.

Puts the wheel and each board's image (a zip with fixed times, so that equal files give an equal
archive) into tests/releases/<version>/, with their SHA-256 sums. A version is released once.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

from tools import board_images

RELEASES = board_images.ROOT / "tests/releases"
SUMS = "SHA256SUMS"
# The earliest time that a zip can hold.
ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def version() -> str:
    """Return the project's version."""
    project = tomllib.loads((board_images.ROOT / "pyproject.toml").read_text())
    return project["project"]["version"]


def build_wheel(folder: Path) -> Path:
    """Build the project's wheel into `folder` with the locked setuptools."""
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps",
                    "--no-build-isolation", "--wheel-dir", folder, board_images.ROOT], check=True)
    return next(folder.glob("*.whl"))


def pack_image(board: str, folder: Path) -> Path:
    """Compile the image of `board` and pack it as `node-<board>.zip` in `folder`."""
    board_images.build_board(board)
    built = board_images.OUTPUT / board
    archive = folder / f"node-{board}.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted(path for path in built.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(built).as_posix(), ZIP_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, file.read_bytes())
    return archive


def write_sums(folder: Path) -> None:
    """Write the sums of all files in `folder`, as sha256sum does."""
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n"
             for file in sorted(folder.iterdir()) if file.name != SUMS]
    (folder / SUMS).write_text("".join(lines))


def main() -> int:
    folder = RELEASES / version()
    if folder.exists():
        print(f"release: {version()} is released already: {folder}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as name:
        made = Path(name, version())
        made.mkdir()
        print("release: building the wheel")
        build_wheel(made)
        for board in board_images.all_boards():
            print(f"release: packing {board}")
            pack_image(board, made)
        write_sums(made)
        shutil.copytree(made, folder)
    print((folder / SUMS).read_text(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
