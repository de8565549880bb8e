"""The smallest heap in which a node lives for an hour, for each furniture, on the i386 build.

The committed figure, `node_heap.json` beside this file, may only fall: a lower one replaces it,
a higher one ends this bench with 1. Binary search to STEP bytes; everything counts that is on the
heap, the compiled code included, and so does the test's own board.
"""

import json
import sys
import tempfile
from pathlib import Path

from protocol.settings import FURNITURES
from tools import figures, node_hour

COMMITTED = Path(__file__).with_suffix(".json")
HEAP_MAX = 512 * 1024
STEP = 256
# What another kernel's stack contents can hold alive, in a conservative collector.
SLACK = 1024


def committed() -> dict[str, int]:
    """Return the committed figures in bytes, by furniture."""
    return json.loads(COMMITTED.read_text()) if COMMITTED.exists() else {}


def smallest_heap(image: Path, furniture: str) -> int:
    """Return the smallest sufficient heap in bytes, a multiple of STEP."""
    node_hour.run(image, furniture, HEAP_MAX)
    too_small, enough = 0, HEAP_MAX // STEP
    while enough - too_small > 1:
        middle = (too_small + enough) // 2
        if node_hour.fits(image, furniture, middle * STEP):
            enough = middle
        else:
            too_small = middle
    return enough * STEP


def main() -> int:
    before = committed()
    after = dict(before)
    rows = []
    for furniture in FURNITURES:
        with tempfile.TemporaryDirectory() as folder:
            image = node_hour.build_image(furniture, Path(folder, "image"))
            heap = smallest_heap(Path(folder, "image"), furniture)
        after[furniture] = min(heap, before.get(furniture, heap))
        rows.append({"furniture": furniture, "heap bytes": heap, "image bytes": image.size,
                     "committed": before.get(furniture, "")})
    figures.publish("node_heap", rows)
    COMMITTED.write_text(json.dumps(after, indent=1) + "\n")
    risen = [row["furniture"] for row in rows
             if row["committed"] and row["heap bytes"] > row["committed"] + SLACK]
    if risen:
        print(f"the heap that these need has risen: {', '.join(risen)}")
    return 1 if risen else 0


if __name__ == "__main__":
    sys.exit(main())
