"""What a traceback of a compiled image says, in the names of the sources."""

import json
import shutil
import subprocess

import pytest

from tests import debian
from tools import board_images
from tools.explain_traceback import explain, main

NAMES = {
    "core": {"sqrt": ["firmware.clock Clock.unix_s", "firmware.saved SavedValues.get"],
             "md5": ["protocol.errors DecodeError"]},
    "seek": {"k7": ["firmware.node Node._answer"]},
}
FILES = {
    "boards/LAMP/main.py": "from firmware.node import Node\nNode(3).start(0)\n",
    "boards/LAMP/board.toml": "",
    "firmware/__init__.py": "",
    "protocol/__init__.py": "",
    "protocol/errors.py": "class DecodeError(Exception):\n    pass\n",
    "protocol/cbor.py": "from protocol.errors import DecodeError\n\n\n"
                        "def decode(data):\n    return _head(data)\n\n\n"
                        "def _head(data):\n    raise DecodeError('too short')\n",
    "firmware/node.py": "from protocol import cbor\n\n\n"
                        "class Node:\n"
                        "    def __init__(self, size):\n        self._size = size\n\n"
                        "    def start(self, now_ms):\n        self._begin(now_ms)\n\n"
                        "    def _begin(self, now_ms):\n        cbor.decode(bytes(self._size))\n",
}


def test_method_put_aside_is_named_by_its_class_and_file():
    assert explain('  File "seek", line 1, in k7\n', NAMES) \
        == '  File "firmware/node.py", in Node._answer\n'


def test_name_that_several_functions_bear_gives_all_of_them():
    assert explain('  File "core", line 1, in sqrt\n', NAMES).splitlines() \
        == ['  File "firmware/clock.py", in Clock.unix_s',
            '  File "firmware/saved.py", in SavedValues.get']


def test_dispatch_of_what_is_put_aside_is_left_out():
    assert explain('  File "core", line 1, in <lambda>\n', NAMES) == ""


def test_error_of_ours_gets_its_name_back():
    assert explain("md5: too short\nMemoryError: 16 bytes\n", NAMES) \
        == "DecodeError: too short\nMemoryError: 16 bytes\n"


def test_other_text_passes_as_it_is():
    text = 'Traceback (most recent call last):\n  File "main.py", line 7, in main\nall well\n'
    assert explain(text, NAMES) == text


def test_names_file_is_asked_for(capsys):
    assert main([]) == 2
    assert "names.json" in capsys.readouterr().err


@pytest.fixture
def project(tmp_path, monkeypatch):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    loader = "firmware/adapters/overlays.py"
    (tmp_path / loader).parent.mkdir()
    shutil.copy(board_images.ROOT / loader, tmp_path / loader)
    monkeypatch.setattr(board_images, "ROOT", tmp_path)
    return tmp_path


def test_traceback_of_an_image_names_the_sources_functions_in_order(project):
    folder = project / "image"
    board_images.build_image("LAMP", project / "boards/LAMP/main.py", folder, ["lamp"])
    done = subprocess.run([debian.program("micropython-i386"), "main.py"], cwd=folder,
                          env={"MICROPYPATH": str(folder)}, capture_output=True, text=True)
    names = json.loads(board_images.names_file(folder).read_text())
    assert "node" not in done.stderr
    assert explain(done.stderr, names).splitlines()[2:] == [
        '  File "firmware/node.py", in Node.start',
        '  File "firmware/node.py", in Node._begin',
        '  File "protocol/cbor.py", in decode',
        '  File "protocol/cbor.py", in _head',
        "DecodeError: too short"]
    assert not list(folder.rglob("*.json"))
