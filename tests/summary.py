"""What was run, at the end of a test run: for each area and interpreter, outcomes and seconds."""

import os
from collections import defaultdict

from tests.micropython.process import INTERPRETERS

OUTCOMES = ("passed", "failed", "error", "skipped")


def row_name(nodeid: str) -> str:
    """Return the area of a test, and its interpreter if that is not this Python."""
    parts = nodeid.split("::")[0].split("/")
    area = parts[1] if len(parts) > 2 else "project"
    for interpreter in INTERPRETERS:
        if nodeid.endswith(f"[{interpreter}]") and area in ("protocol", "firmware"):
            return f"{area} on {interpreter}"
    return area


def pytest_terminal_summary(terminalreporter):
    counts = defaultdict(lambda: dict.fromkeys(OUTCOMES, 0))
    seconds = defaultdict(float)
    for outcome in OUTCOMES:
        for report in terminalreporter.stats.get(outcome, ()):
            name = row_name(report.nodeid)
            counts[name][outcome] += 1
            seconds[name] += getattr(report, "duration", 0)
    terminalreporter.section("what was run")
    for name in sorted(counts):
        told = ", ".join(f"{count} {outcome}" for outcome, count in counts[name].items() if count)
        terminalreporter.write_line(f"{name:32} {seconds[name]:6.1f} s  {told}")
    if terminalreporter.stats.get("skipped") and os.environ.get("CI") == "true":
        terminalreporter.write_line("CI: skipped tests count as failures", red=True)
