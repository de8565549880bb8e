"""How a bench publishes its figures: a table for people, JSON in `build/bench` for programs."""

import json
from pathlib import Path

OUTPUT = Path(__file__).resolve().parents[1] / "build/bench"


def publish(name: str, rows: list[dict]) -> None:
    """Print `rows` (of equal keys) as a table and write them to `build/bench/<name>.json`."""
    columns = list(rows[0])
    lines = [columns] + [[str(row[column]) for column in columns] for row in rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    print(f"{name}:")
    for line in lines:
        print("  " + "  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / f"{name}.json").write_text(json.dumps(rows, indent=1) + "\n")
