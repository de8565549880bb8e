"""The tables of a report: checks, scores, nodes with trouble, commands, and how it was made."""

import shlex

from simulator.record import CheckRecord, CommandRecord, FailureRecord, NodeRecord, Record
from simulator.report import words
from simulator.report.html import Html, tag
from simulator.report.moments import length
from simulator.report.street import Street

NODES_MAX = 60
COMMANDS_MAX = 20
# So often anybody may have to ask again.
REFUSED_MAX = 3


def table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> Html:
    """Return a table; on a narrow screen each cell says which column it is of."""
    head = tag("tr", *(tag("th", name, scope="col") for name in columns))
    body = [tag("tr", *(tag("td", cell, data_column=name) for name, cell in zip(columns, row)))
            for row in rows]
    return tag("table", tag("thead", head), tag("tbody", *body))


def checks(street: Street) -> Html:
    """Return every check, the failed ones first and in full."""
    ordered = sorted(street.record.outcome.checks, key=lambda check: check.ok)
    return tag("div", *(_check(street, check) for check in ordered), class_="checks")


def _check(street: Street, check: CheckRecord) -> Html:
    mark = tag("span", "held" if check.ok else "FAILED",
               class_="mark good" if check.ok else "mark bad")
    head = Html.of(mark, " ", tag("b", check.name))
    if check.ok or check.first is None:
        return tag("p", head, " ", tag("span", street.named(check.detail), class_="soft"))
    parts = [tag("p", head), _first(street, check.first)]
    if check.count > 1:
        parts.append(tag("p", f"It was broken {check.count:,} times; this was the first."))
    parts += [tag("p", "To see it again:"), _command(street.record.facts.command),
              tag("p", "To stop just before it and follow who is concerned:"),
              _command(look_command(street, check.first))]
    return tag("div", *parts, class_="failed")


def _command(text: str) -> Html:
    return tag("pre", tag("code", text))


def _first(street: Street, first: FailureRecord) -> Html:
    around = street.around(first.time_us, first.subject)
    parts = [tag("p", tag("b", street.moments.clock(first.time_us)), ", ",
                 street.place(first.subject), ": ", street.named(first.what), ".")]
    if around:
        parts.append(tag("p", "Wrong at that time or shortly before: ", "; ".join(around), "."))
    if first.event:
        parts.append(tag("p", "The event: ", tag("code", first.event)))
    return Html.of(*parts)


def look_command(street: Street, first: FailureRecord) -> str:
    """Return the command that stops just before an event and shows the life of its subject."""
    words_of_it = [street.record.facts.command, "--until", f"{first.time_us / 1e6:.6f}".rstrip("0")
                   .rstrip(".")]
    node = street.node(first.subject)
    if node is not None:
        words_of_it += ["--trace", shlex.quote(node.facts.endpoint)]
    return " ".join(words_of_it)


def furniture(record: Record) -> Html:
    """Return what each kind of furniture delivered, and how good its detectors were."""
    rows = []
    for kind, plural in words.FURNITURE.items():
        nodes = [node for node in record.nodes if node.facts.furniture == kind]
        if nodes:
            rows.append((
                plural, f"{len(nodes):,}",
                f"{sum(node.registered_us is not None for node in nodes):,}",
                f"{sum(node.taken for node in nodes):,}",
                f"{sum(node.delivered for node in nodes):,}",
                f"{sum(sum(node.dropped.values()) for node in nodes):,}",
                f"{sum(node.missing for node in nodes):,}"))
    counted = table(("furniture", "nodes", "registered", "readings taken", "delivered",
                     "given up", "missing"), rows)
    if not record.outcome.scores:
        return counted
    scores = [(score.name, words.quantity(score.value, score.unit), score.detail)
              for score in record.outcome.scores]
    return Html.of(counted, tag("h3", "Measured against the truth of the simulated world"),
                   table(("what", "value", "more"), scores))


def nodes(street: Street) -> Html:
    """Return the nodes that something happened to, the worst first."""
    troubled = [node for node in street.record.nodes if street.is_troubled(node)]
    if not troubled:
        return tag("p", "No node had trouble.")
    troubled.sort(key=lambda node: _severity(street, node))
    rows = [(node.facts.name, ", ".join(filter(None, (node.facts.street, node.facts.circuit))),
             "; ".join(_troubles(street, node)), tag("code", node.facts.endpoint))
            for node in troubled[:NODES_MAX]]
    parts = [table(("node", "where", "what happened", "endpoint"), rows)]
    if len(troubled) > NODES_MAX:
        parts.append(tag("p", f"… and {len(troubled) - NODES_MAX:,} more, less troubled."))
    return Html.of(*parts)


def _severity(street: Street, node: NodeRecord) -> tuple:
    out = node.out_of_touch
    return (-len(street.failures.get(node.facts.endpoint, ())), -node.missing,
            node.registered_us is not None, -sum(node.dropped.values()),
            -(out.length_s if out else 0), -sum(node.boots.values()))


def _troubles(street: Street, node: NodeRecord) -> list[str]:
    said = [f"broke “{name}”" for name in street.failures.get(node.facts.endpoint, ())]
    if node.missing:
        said.append(f"{words.count(node.missing, 'reading')} missing")
    for reason, number in sorted(node.dropped.items()):
        said.append(f"{words.count(number, 'reading')} given up ({reason})")
    if node.registered_us is None:
        said.append("never registered")
    out = node.out_of_touch
    if out is not None and out.length_s > 60:
        said.append(f"not registered for {length(out.length_s)} ({street.moments.between(out)})")
    if street.is_silent(node):
        said.append(f"nothing of it reached the city for {length(node.silence.length_s)} "
                    f"({street.moments.between(node.silence)})")
    if node.refused > REFUSED_MAX:
        said.append(f"{words.count(node.refused, 'registration')} refused or not answered")
    if node.lost:
        reasons = words.listed([f"{reason} {number}×" for reason, number
                                in sorted(node.lost.items())])
        said.append(f"registration lost: {reasons}")
    causes = [f"{words.cause(cause)} {number}×" for cause, number in sorted(node.boots.items())]
    if sum(node.boots.values()) > 1:
        said.append("booted: " + ", ".join(causes))
    return said


def commands(street: Street) -> Html | None:
    """Return what became of the city's commands, or None if it gave none."""
    record = street.record
    if not record.commands:
        return None
    others = [f"{number:,} {outcome}" for outcome, number in sorted(record.commands.items())
              if outcome != "given"]
    parts = [tag("p", f"{record.commands.get('given', 0):,} given: {', '.join(others)}.")]
    if record.commands_not_done:
        rows = [(street.moments.clock(each.given_us), street.name(each.endpoint),
                 f"{each.operation} {words.resource(each.path)}", each.outcome, each.detail)
                for each in _worst_first(record.commands_not_done)[:COMMANDS_MAX]]
        parts.append(table(("given", "node", "what", "outcome", "why"), rows))
    return Html.of(*parts)


def _worst_first(commands: tuple[CommandRecord, ...]) -> list[CommandRecord]:
    """Return what nobody knows the end of before what somebody refused."""
    order = ("unanswered", "unknown", "failed", "expired")
    return sorted(commands, key=lambda each: order.index(each.outcome) if each.outcome in order
                  else len(order))


def making(record: Record) -> Html:
    """Return how the report came about, and what of it is real."""
    facts, outcome = record.facts, record.outcome
    speed = record.end_us / 1e6 / outcome.wall_s if outcome.wall_s else 0
    lost = sum(record.datagrams.values())
    rows = [
        ("Command", _command(facts.command)),
        ("Seed", str(facts.seed)),
        ("Simulated", f"{length(record.end_us / 1e6)} in {length(outcome.wall_s)}, "
                      f"{words.figure(speed)} times as fast as life"),
        ("Messages protected with", "OSCORE" if facts.security == "oscore" else "nothing"),
        ("Messages lost on the way", words.count(lost, "message") + (
            " (" + ", ".join(f"{n:,} {why}" for why, n in sorted(record.datagrams.items())) + ")"
            if lost else "")),
        ("Trace (SHA-256)", tag("code", outcome.trace_sha256 or "none: in real time")),
        ("Versions", ", ".join(f"{name} {version}"
                               for name, version in facts.versions.items()) or "not noted"),
    ]
    return tag("dl", *(Html.of(tag("dt", name), tag("dd", value)) for name, value in rows))
