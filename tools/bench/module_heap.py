"""What the files of a node's image take of the heap by being imported, on the i386 build.

The core stays, and the node's figure (node_heap) cannot go below it; of the overlays, those that
run at the same time count.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from protocol.settings import FURNITURES
from tests import debian
from tools import figures, node_hour

HEAP = "1m"
LARGEST = 25
# Runs in MicroPython: imports the named modules one by one, and prints what each took.
PROBE = """
import gc, json, sys
taken = {}
for name in sys.argv[1:]:
    gc.collect()
    before = gc.mem_alloc()
    __import__(name)
    gc.collect()
    taken[name] = gc.mem_alloc() - before
print(json.dumps(taken))
"""


def measure(furniture: str, folder: Path) -> dict[str, int]:
    image = node_hour.build_image(furniture, folder / "image")
    (folder / "probe.py").write_text(PROBE)
    overlays = sorted(name for name in image.sizes if "/" not in name and name != "core.mpy")
    names = [name.removesuffix(".mpy") for name in ("core.mpy", *overlays)]
    result = subprocess.run(
        [debian.program("micropython-i386"), "-X", f"heapsize={HEAP}", folder / "probe.py",
         *names],
        cwd=folder / "image", env={"MICROPYPATH": str(folder / "image")}, check=True,
        capture_output=True, text=True)
    return json.loads(result.stdout)


def main() -> int:
    taken = {}
    for furniture in FURNITURES:
        with tempfile.TemporaryDirectory() as folder:
            taken[furniture] = measure(furniture, Path(folder))
    names = {name for modules in taken.values() for name in modules}
    ranked = sorted(names, key=lambda name: -max(m.get(name, 0) for m in taken.values()))
    rows = [{"module": name, **{f: taken[f].get(name, "") for f in FURNITURES}} for name in ranked]
    total = {"module": "all", **{f: sum(taken[f].values()) for f in FURNITURES}}
    figures.publish("module_heap", [total, *rows[:LARGEST]])
    return 0


if __name__ == "__main__":
    sys.exit(main())
