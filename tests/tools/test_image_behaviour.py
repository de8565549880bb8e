"""The portable tests once more, on code as it is in the boards' images: linked and shortened."""

import ast
import json
from pathlib import Path

import pytest

from tests.micropython.process import MicroPythonProcess
from tools import board_images

ROOT = board_images.ROOT
FILES = [path for area in ("protocol", "firmware")
         for path in sorted((ROOT / "tests" / area).glob("test_*.py"))]


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """A folder with all portable tests and all that they import, compiled as for a board."""
    folder = tmp_path_factory.mktemp("image")
    sources = board_images.needed_files(*FILES)
    for name, text in board_images.device_code(sources).texts.items():
        board_images.compile_module(name, text, folder)
    return folder


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_compiled_code_passes_the_tests_of_its_source(image, path: Path):
    module = board_images.module_name(path)
    process = MicroPythonProcess("micropython-i386", "run.py", module, root=image)
    names = [node.name for node in ast.parse(path.read_text()).body
             if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    failures = [detail for name in names if (detail := json.loads(process.ask(name))[1])]
    process.close()
    assert not failures, "\n".join(failures)
