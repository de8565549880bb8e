"""A run's report as one HTML page that needs nothing else: no network, no other file."""

import json
from pathlib import Path
from typing import Any

from simulator.record import Record
from simulator.report import light_carpet, plots, story, street_map, tables, verdict
from simulator.report.html import Html, tag
from simulator.report.street import Street

_HERE = Path(__file__).parent
# Whatever a text in the page might try, the browser fetches nothing.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
_REAL = (
    "Real: the firmware of every node, the gateway with its CoAP, OSCORE and SQLite, and the "
    "messages between them, in virtual time. Modelled: sensors and what they look at (sun, cars, "
    "waste, mains power), the network, flash and disks, the city's broker and consumer. "
    "Equal commands on one commit give the same run to the byte.")


def render(record: Record) -> str:
    """Return the report of a run as the text of an HTML file."""
    street = Street(record)
    timelines, figures = plots.render(street)
    sections = [
        verdict.render(street),
        _section("What happened, in order", story.render(street)),
        _section("The street", street_map.render(street)),
        _section("Time lines", _zoom(), timelines),
        _section("Checks", tables.checks(street)),
        _section("By furniture", tables.furniture(record)),
        _section("Nodes with trouble", tables.nodes(street)),
    ]
    if record.carpet is not None:
        sections.insert(4, _section("Light through the nights",
                                    light_carpet.render(street, record.carpet)))
    commands = tables.commands(street)
    if commands is not None:
        sections.append(_section("Commands from the city", commands))
    sections.append(_section("How this was made", tables.making(record), tag("p", _REAL)))
    return "<!doctype html>\n" + tag(
        "html", _head(record),
        tag("body", tag("main", *sections), _data(street, figures), _script(), class_="plain"),
        lang="en") + "\n"


def _section(title: str, *content: Html) -> Html:
    return tag("section", tag("h2", title), *content)


def _head(record: Record) -> Html:
    style = Html((_HERE / "page.css").read_text())
    return tag(
        "head", tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{verdict.title(record)}: {verdict.headline(record)}"),
        tag("style", style))


def _zoom() -> Html:
    buttons = [tag("button", text, type="button", data_zoom=name)
               for text, name in (("◀", "back"), ("▶", "forward"), ("Closer", "in"),
                                  ("Wider", "out"), ("Whole run", "all"))]
    return Html.of(
        tag("p", *buttons, " ", tag("output", id="now"), class_="script zoom"),
        tag("p", "All plots share one time axis. Shaded: night. Red line: the first failure. "
                 "Each plot's scale begins at 0 and ends at the figure in its corner. ",
            tag("span", "Drag over a plot to look closer; click to see the map at that moment.",
                class_="script"), class_="soft"))


def _data(street: Street, figures: list[dict]) -> Html:
    record = street.record
    few = len(record.nodes) <= street_map.NAMED_MAX
    value: dict[str, Any] = {
        "end": record.end_us // 1_000_000, "bucket": record.bucket_us // 1_000_000,
        "start": record.facts.start_unix_s, "offsets": _offsets(street),
        "days": record.facts.duration_s > 86400,
        "plots": figures,
        "nodes": [[number for entry in node.history for number in entry]
                  for node in record.nodes] if few else [],
        "held": [[number for span in node.held_up
                  for number in (span.begin_us // 1_000_000, span.end_us // 1_000_000)]
                 for node in record.nodes] if few else [],
    }
    # Numbers and units of ours: no text from outside is in it.
    text = json.dumps(value, separators=(",", ":"))
    return tag("script", Html(text), type="application/json", id="data")


def _offsets(street: Street) -> list[tuple[int, int]]:
    """Return (second of the run, seconds ahead of UTC from then on), to the hour."""
    changes: list[tuple[int, int]] = []
    # Clocks change on full hours of UTC.
    first = -(street.record.facts.start_unix_s % 3600)
    for second in range(first, street.record.end_us // 1_000_000 + 1, 3600):
        offset_s = street.moments.offset_s(max(0, second) * 1_000_000)
        if not changes or changes[-1][1] != offset_s:
            changes.append((max(0, second), offset_s))
    return changes


def _script() -> Html:
    return tag("script", Html((_HERE / "page.js").read_text()))
