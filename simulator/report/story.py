"""What happened in a run, in order: the few lines that a person would tell."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from firmware.timezone import DAY_S
from simulator.fault import FaultKind
from simulator.record import FaultRecord
from simulator.report import words
from simulator.report.html import Html, tag
from simulator.report.moments import length
from simulator.report.street import Street

LINES_MAX = 60
# So many faults, and so many of single nodes, are told one by one; of more, those of a kind
# become one line.
FAULTS_TOLD_MAX, SINGLES_TOLD_MAX = 24, 6
# A queue that was never longer is not worth a line.
BACKLOG_MIN = 50
_SUN_DAYS_MAX = 3


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the story; `kind` is "fault", "end", "failure", "sun" or "note"."""

    time_us: int
    kind: str
    text: str


def render(street: Street) -> Html:
    """Return the story as a list."""
    told = lines(street)
    shown = told[:LINES_MAX]
    items = [tag("li", tag("time", street.moments.clock(line.time_us)), " ", line.text,
                 class_=line.kind, data_us=line.time_us) for line in shown]
    if len(told) > len(shown):
        items.append(tag("li", f"… and {len(told) - len(shown):,} more lines", class_="note"))
    return tag("ol", *items, class_="story")


def lines(street: Street) -> list[Line]:
    """Return what happened, in order."""
    told = [*_suns(street), *_faults(street), *_outages(street), *_failures(street),
            *_low_points(street)]
    told.append(Line(street.drain_us, "note", "the time is over: nodes send what they hold and "
                                              "sign off"))
    return sorted(told, key=lambda line: line.time_us)


def _suns(street: Street) -> Iterator[Line]:
    if street.record.end_us <= _SUN_DAYS_MAX * DAY_S * 1_000_000:
        for time_us, is_rise in street.suns:
            yield Line(time_us, "sun", "sunrise" if is_rise else "sunset")


def _faults(street: Street) -> Iterator[Line]:
    faults = street.record.faults
    concerned = {street.name(endpoint) for endpoint in street.failures}
    single = [each for each in faults if street.is_single(each)
              and street.name(each.target) not in concerned]
    others = [each for each in faults if each not in single]
    for group, most in ((others, FAULTS_TOLD_MAX), (single, SINGLES_TOLD_MAX)):
        if len(group) <= most:
            for each in group:
                yield from _fault(street, each)
        else:
            yield from _fault_kinds(street, group)
    if street.record.faults_left_out:
        yield Line(street.record.end_us, "note",
                   f"{words.count(street.record.faults_left_out, 'fault')} more were not noted")


def _fault(street: Street, fault: FaultRecord) -> Iterator[Line]:
    text = street.statement(fault)
    if fault.end_us <= fault.begin_us:
        yield Line(fault.begin_us, "fault", text)
        return
    lasted = length((fault.end_us - fault.begin_us) / 1e6)
    yield Line(fault.begin_us, "fault", f"{text}, for {lasted}")
    yield Line(fault.end_us, "end", f"over after {lasted}: {text}")


def _fault_kinds(street: Street, faults: list[FaultRecord]) -> Iterator[Line]:
    kinds: defaultdict[FaultKind, list[FaultRecord]] = defaultdict(list)
    for each in faults:
        kinds[each.kind].append(each)
    for kind, group in kinds.items():
        if len(group) <= 2:
            for each in group:
                yield from _fault(street, each)
            continue
        targets = sorted({street.name(each.target) for each in group})
        yield Line(group[0].begin_us, "fault",
                   f"{kind.value}, {words.count(len(group), 'time')} until "
                   f"{street.moments.minute(group[-1].begin_us)} ({words.listed(targets)})")


def _outages(street: Street) -> Iterator[Line]:
    for outage in street.record.outages:
        if not street.is_told(outage):
            yield Line(outage.span.begin_us, "fault",
                       f"{outage.gateway} {words.outage(outage.cause)}, for "
                       f"{length(outage.span.length_s)}")


def _failures(street: Street) -> Iterator[Line]:
    for check in street.record.outcome.checks:
        if not check.ok and check.first is not None:
            yield Line(check.first.time_us, "failure",
                       f"broken: “{check.name}”. {street.place(check.first.subject)}: "
                       f"{street.named(check.first.what)}")


def _low_points(street: Street) -> Iterator[Line]:
    record = street.record
    last = street.drain_us // record.bucket_us
    registered = record.named("registered")
    if registered is not None:
        yield from _fewest_registered(street, registered.lows[1:last])
    for series in record.series:
        if series.name.startswith("uplink_depth"):
            known = [high or 0 for high in series.highs]
            most = max(known, default=0)
            if most < BACKLOG_MIN:
                continue
            at = known.index(most)
            yield Line(at * record.bucket_us, "note",
                       f"most readings that wait for the city: {words.figure(most)}"
                       + _whose(series.name))


def _fewest_registered(street: Street, lows: tuple[float | None, ...]) -> Iterator[Line]:
    total = len(street.record.nodes)
    # Before everybody was there, few are registered because they have just got their power.
    full = next((at for at, low in enumerate(lows) if low is not None and low >= total), None)
    if full is None:
        return
    after = [total if low is None else low for low in lows[full:]]
    fewest = min(after)
    if fewest < total:
        at = full + after.index(fewest) + 1
        yield Line(at * street.record.bucket_us, "note",
                   f"fewest nodes registered: {fewest:g} of {total:,}")


def _whose(name: str) -> str:
    _, slash, who = name.partition("/")
    return f" ({who})" if slash else ""
