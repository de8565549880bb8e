"""The verdict of a run: what was simulated, what failed, when, where, why, and what was lost."""

from pathlib import PurePath

from simulator.record import CheckRecord, FailureRecord, LostReading, Record
from simulator.report import words
from simulator.report.html import Html, joined, tag
from simulator.report.moments import length
from simulator.report.street import Street

_LOST_SHOWN = 3


def title(record: Record) -> str:
    """Return a scenario's name; that of a file without its folder."""
    name = record.facts.scenario
    return PurePath(name).stem if name.endswith(".toml") else name


def headline(record: Record) -> str:
    """Return the verdict in a few words."""
    checks = record.outcome.checks
    failed = sum(not check.ok for check in checks)
    if not failed:
        return f"All {len(checks)} checks held" if checks else "Nothing was checked"
    return f"{failed} of {words.count(len(checks), 'check')} failed"


def render(street: Street) -> Html:
    """Return the page's head: verdict, what was simulated, and the answers."""
    record = street.record
    is_bad = any(not check.ok for check in record.outcome.checks)
    return tag(
        "header",
        tag("p", f"{title(record)} · seed {record.facts.seed}", class_="kicker"),
        tag("h1", tag("span", "✗ " if is_bad else "✓ ", aria_hidden="true"), headline(record),
            class_="bad" if is_bad else "good"),
        tag("p", _simulated(street), class_="lead"),
        tag("p", record.facts.summary),
        _answers(street) if is_bad else _held(street),
    )


def _simulated(street: Street) -> str:
    facts = street.record.facts
    moments = street.moments
    return (f"A simulation of {street.mix()} in {facts.place}, {moments.date()} from "
            f"{moments.minute(0)[-5:]} for {length(facts.duration_s)}.")


def _answers(street: Street) -> Html:
    found = street.record.first_failure()
    rows = []
    if found is not None:
        check, first = found
        what = street.named(first.what)
        rows = [
            ("What", [f"The promise “{check.name}” was broken. {_sentence(what)}"]),
            ("When", [f"{street.moments.clock(first.time_us)}, "
                      f"{length(first.time_us / 1e6)} after the start"]),
            ("Where", [street.place(first.subject)]),
            ("What was wrong then", street.around(first.time_us, first.subject)
             or ["No fault was under way, and none had ended in the half hour before."]),
        ]
    rows.append(("What was lost", lost(street)))
    others = [_other(street, check, check.first) for check in street.record.outcome.checks
              if not check.ok and (found is None or check is not found[0])]
    if others:
        rows.append(("Also failed", others))
    return tag("dl", *(Html.of(tag("dt", name), _definition(lines)) for name, lines in rows),
               class_="answers")


def _definition(lines: list[str]) -> Html:
    if len(lines) == 1:
        return tag("dd", lines[0])
    return tag("dd", tag("ul", *(tag("li", line) for line in lines)))


def _other(street: Street, check: CheckRecord, first: FailureRecord | None) -> str:
    if first is None:
        return f"“{check.name}”: {check.detail}"
    return (f"“{check.name}”: {street.moments.clock(first.time_us)}, "
            f"{street.place(first.subject)}: {street.named(first.what)}")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "." if text else ""


def lost(street: Street) -> list[str]:
    """Return what never reached the city, reading by reading as far as they are few."""
    tally = street.record.outcome.readings
    gone = tally.missing + tally.in_flight
    lines = [f"{words.count(gone, 'reading')} of {tally.taken:,} never reached the city."
             if gone else f"No reading: all {tally.taken:,} are accounted for."]
    if tally.explained:
        lines.append(f"{words.count(tally.explained, 'reading')} given up by their nodes, "
                     "which say so and why.")
    if tally.duplicated:
        lines.append(f"{words.count(tally.duplicated, 'copy', 'copies')} came besides.")
    readings = street.record.lost if gone else ()
    lines += [_lost_reading(street, reading) for reading in readings[:_LOST_SHOWN]]
    if gone > _LOST_SHOWN < len(readings):
        lines.append(f"… and {gone - _LOST_SHOWN:,} more.")
    return lines


def _lost_reading(street: Street, reading: LostReading) -> str:
    moments = street.moments
    what = words.resource(reading.path).capitalize()
    text = (f"{what} of {street.place(reading.endpoint)}, taken "
            f"{moments.clock(reading.taken_us)}")
    if reading.acknowledged_us is None:
        return f"{text}; no gateway ever had it."
    node = street.node(reading.endpoint)
    gateway = node.facts.gateway if node and node.facts.gateway else "its gateway"
    return (f"{text}; {gateway} had acknowledged it at "
            f"{moments.clock(reading.acknowledged_us)}, so the node keeps it no more.")


def _held(street: Street) -> Html:
    record = street.record
    tally = record.outcome.readings
    faults = len(record.faults) + record.faults_left_out
    lines = [
        f"{words.count(faults, 'fault')} were put in its way." if faults != 1
        else "One fault was put in its way.",
        f"All {tally.taken:,} readings are accounted for: "
        + (f"{tally.delivered:,} delivered, {tally.explained:,} given up by their nodes with a "
           "reason, none missing." if tally.explained else "every one reached the city."),
    ]
    return joined([tag("p", line) for line in lines])
