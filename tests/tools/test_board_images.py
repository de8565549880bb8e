"""Which files make a board's image, and that they compile."""

import shutil

import pytest

from tools import board_images


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A small project of its own, with one board."""
    files = {
        "boards/LAMP/main.py": "from firmware.node import Node\nimport machine\n",
        "boards/LAMP/board.toml": "",
        "firmware/__init__.py": "",
        "firmware/node.py": "def f():\n    from protocol import cbor, errors\n",
        "firmware/unused.py": "",
        "protocol/__init__.py": "",
        "protocol/cbor.py": "from .errors import DecodeError\nfrom . import number\n",
        "protocol/errors.py": "class DecodeError(Exception):\n    pass\n",
        "protocol/number.py": "import struct\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    adapters = tmp_path / "firmware/adapters"
    adapters.mkdir()
    shutil.copy(board_images.ROOT / "firmware/adapters/overlays.py", adapters)
    monkeypatch.setattr(board_images, "ROOT", tmp_path)
    return tmp_path


def test_image_holds_all_that_main_imports_and_no_more(project):
    start = project / "boards/LAMP/main.py"
    names = [path.relative_to(project).as_posix() for path in board_images.needed_files(start)]
    assert names == [
        "firmware/__init__.py", "firmware/adapters/overlays.py", "protocol/__init__.py",
        "protocol/errors.py", "protocol/number.py", "protocol/cbor.py", "firmware/node.py",
        "boards/LAMP/main.py"]


def test_image_holds_no_furniture_but_its_own(project):
    node = "from firmware.furniture import lamp, bin\n"
    (project / "firmware/node.py").write_text(node)
    (project / "firmware/furniture").mkdir()
    (project / "firmware/furniture/lamp.py").write_text("def f():\n    return 'light'\n")
    (project / "firmware/furniture/bin.py").write_text("def f():\n    return 'waste'\n")
    start = project / "boards/LAMP/main.py"
    image = board_images.build_image("LAMP", start, project / "image", ["lamp"])
    compiled = b"".join((project / "image" / name).read_bytes() for name in image.sizes)
    assert b"light" in compiled and b"waste" not in compiled


def test_image_is_main_as_source_and_the_rest_compiled(project):
    start = project / "boards/LAMP/main.py"
    image = board_images.build_image("LAMP", start, project / "image", ["lamp"])
    assert (project / "image/main.py").exists()
    assert (project / "image/core.mpy").read_bytes()[:2] == b"M\x06"
    assert image.size == sum(p.stat().st_size for p in (project / "image").rglob("*.*"))


def test_every_board_of_the_project_compiles(tmp_path):
    boards = board_images.all_boards()
    assert boards
    for board in boards:
        image = board_images.build_board(board, tmp_path)
        assert {"main.py", "core.mpy"} <= set(image.sizes)
