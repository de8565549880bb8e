"""How long each board's flash lasts: years by formula, from erasures measured on littlefs2.

    years = blocks * CYCLES * DERATING / (erasures an hour * 8766)

`blocks` is what of the file system is not the image itself. The erasures of one write are
measured under MicroPython with the node's own journal and store on a NOR flash that counts them,
metadata included (tests/firmware/flash_wear.py). An hour has the journal's writes that `[journal]`
allows in the long run, each of a whole batch, the counters of `[energy_register]`, and one write
of the keys: 128 numbers, for as many messages (docs/decisions/0015).
"""

import sys
import tomllib

from tests.micropython.process import MicroPythonWorker
from tools import board_images, figures

BLOCK_KB = 4
# Datasheets of SPI NOR flash (W25Q32JV, GD25Q32): 100,000 program and erase cycles.
CYCLES = 100_000
# littlefs spreads dynamically: blocks of files that never change take no part of the wear.
DERATING = 0.5
HOURS_A_YEAR = 8766
# More than two messages a minute, day and night.
KEYS_AN_HOUR = 1
# Of the file system: the image, settings, and what servers wrote.
STATIC_KB = 256
MODULE = "tests.firmware.flash_wear"


def main() -> int:
    worker = MicroPythonWorker("micropython", heap="64m")
    small, batch, backlog, counters, keys = worker.call(MODULE, "erasures_by_write")
    worker.close()
    rows = [row(board, batch, counters, keys) for board in board_images.all_boards()
            if "flash" in description(board)]
    figures.publish("flash_wear", rows)
    print(f"erasures by write: alarm {small:.3f}, batch of nine {batch:.3f},"
          f" behind a backlog {backlog:.3f}, counters {counters:.3f}, keys {keys:.3f}")
    return 0


def row(board: str, batch: float, counters: float, keys: float) -> dict[str, object]:
    """Return one board's figures; `batch`, `counters`, `keys` are erasures of one write each."""
    described = description(board)
    journal = described["journal"]["writes_per_hour"]
    register = described.get("energy_register")
    saves = 3600 / register["save_interval_s"] if register else 0
    erasures = journal * batch + saves * counters + KEYS_AN_HOUR * keys
    blocks = (described["flash"]["vfs_kb"] - STATIC_KB) // BLOCK_KB
    return {"board": board, "blocks": blocks, "journal writes an hour": journal,
            "counter writes an hour": round(saves),
            "key writes an hour": KEYS_AN_HOUR, "erasures an hour": round(erasures, 1),
            "years (estimate)": round(blocks * CYCLES * DERATING / erasures / HOURS_A_YEAR)}


def description(board: str) -> dict:
    return tomllib.loads((board_images.BOARDS / board / "board.toml").read_text())


if __name__ == "__main__":
    sys.exit(main())
