"""What became of the cases of this run, for `build/conformance.json`."""

import fcntl
import json
from pathlib import Path

from tests.conformance import catalogue

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "build/conformance.json"
SUBJECTS = {
    "cpython": "node on CPython",
    "micropython": "node on MicroPython amd64",
    "micropython-i386": "node on MicroPython i386",
}
GATEWAY = "gateway"
SECURITIES = ("oscore", "none")
WITHOUT_SECURITY = " without security"
NOTE = "Deviation:"


def result_of(item, outcome: str) -> dict:
    """Return the entry of one test item, "passed", "failed" or "skipped"."""
    id = catalogue.case_of(item.originalname)
    titles = {case.id: case.title for case in catalogue.cases()}
    return {
        "case": id,
        "title": titles[id],
        "against": subject_of(item),
        "outcome": outcome,
        "test": item.originalname,
        "file": item.path.name,
        "note": note_of(item.function),
    }


def subject_of(item) -> str:
    """Return what a test item judges."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    found, security = GATEWAY, parameters.get("security", "oscore")
    for name in ("lamp_street", "bin_street"):
        if name in parameters:
            interpreter, security = parameters[name]
            found = SUBJECTS[interpreter]
    return found + (WITHOUT_SECURITY if security == "none" else "")


def note_of(function) -> str:
    """Return what the docstring says after "Deviation:", in one line."""
    _, _, note = (function.__doc__ or "").partition(NOTE)
    return " ".join(note.split())


def save(run: str, results: list[dict]) -> list[dict]:
    """Add `results` to those of the run `run`, whichever process had them; return all."""
    RESULTS.parent.mkdir(exist_ok=True)
    with open(RESULTS, "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        try:
            known = json.load(file)
        except ValueError:
            known = {}
        kept = known["results"] if known.get("run") == run else []
        names = [(each["test"], each["against"]) for each in results]
        kept = [each for each in kept if (each["test"], each["against"]) not in names]
        merged = sorted(kept + results, key=lambda each: (each["test"], each["against"]))
        file.truncate(0)
        json.dump({"run": run, "results": merged}, file, indent=1)
    return merged
