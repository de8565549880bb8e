"""What a report costs each battery board and how long its battery lasts: estimates by formula."""

import sys
import tomllib

from protocol.settings import Settings
from tools import board_images, energy, figures

# The default of the bin's setting `measure_interval_s`.
MEASURE_INTERVAL_S = 900


def main() -> int:
    awake_window_s = Settings(server_uri="coap://192.0.2.9:5683").awake_window_s
    rows = []
    for board in board_images.all_boards():
        settings = tomllib.loads((board_images.BOARDS / board / "board.toml").read_text())
        if settings.get("supply") != "battery":
            continue
        found = energy.estimate(settings["energy"], MEASURE_INTERVAL_S, awake_window_s)
        rows.append({"board": board, "awake ms per report": round(found.awake_ms_per_report),
                     "mWh per report": round(found.mwh_per_report, 2),
                     "mAh per day": round(found.mah_per_day, 1),
                     "years (estimate)": round(found.years, 1)})
    figures.publish("energy", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
