"""Small projects that are linked as a node's code is, and run on MicroPython."""

import subprocess

from tests import debian
from tools.board_images import ROOT
from tools.link_image import AT, LOADER, Linker


class Linked:
    """`texts` (by dotted module name) with `main`, linked; `resident` is code that stays."""

    def __init__(self, folder, texts, main, resident=()):
        texts = {LOADER: (ROOT / "firmware/adapters/overlays.py").read_text(), **texts}
        self._folder = folder
        self.linker = Linker(texts, {"main": main}, set(resident))
        self.files = {name.lstrip(AT): text for name, text in self.linker.link().items()}

    def holder(self, words):
        """Return the name of the one file with a line that has `words`."""
        (name,) = [name for name, text in self.files.items() if words in text]
        return name

    def run(self, heap="256k"):
        """Run it; return the lines that it printed."""
        for name, text in self.files.items():
            (self._folder / name).with_suffix(".py").write_text(text)
        done = subprocess.run(
            [debian.program("micropython-i386"), "-X", f"heapsize={heap}", "main.py"],
            cwd=self._folder, env={"MICROPYPATH": str(self._folder)}, capture_output=True,
            text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()
