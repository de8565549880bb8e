"""The report of a run: valid, alone, harmless, and plain about what happened."""

import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import html5lib
import pytest

from simulator.fault import Fault, FaultKind
from simulator.record import LIT, FaultRecord, LightCarpet, Record, Span
from simulator.recording.node_life import HELD_UP_MAX, HISTORY_MAX
from simulator.recording.recorder import FAULTS_MAX
from simulator.recording.series import BUCKETS_MAX
from simulator.report import street_map, words
from simulator.report.moments import Moments, length
from simulator.report.page import render
from simulator.report.street import Street
from tests.simulator import made_up_run
from tests.simulator.made_up_run import DARK_LAMP, ROBBED_BIN, Night
from tests.simulator.test_recorder import recorded

HOSTILE = "<script>alert('x')</script>\"&"


@pytest.fixture(scope="module")
def bad_night() -> Record:
    return recorded(Night())


@pytest.fixture(scope="module")
def good_night() -> Record:
    return recorded(Night(nodes=20, hours=2, is_bad=False))


class Text(HTMLParser):
    """What a reader sees of a page, scripts and styles left out."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self._parts: list[str] = []
        self._is_hidden = False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self._is_hidden = tag in ("script", "style")

    def handle_data(self, data):
        if not self._is_hidden:
            self._parts.append(data)

    def __str__(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self._parts))


def assert_is_valid(page: str) -> None:
    """Ask a parser that is not ours, and that forgives nothing."""
    html5lib.HTMLParser(strict=True).parse(page)


def test_reports_are_valid_html(bad_night, good_night):
    assert_is_valid(render(bad_night))
    assert_is_valid(render(good_night))


def test_foreign_parser_finds_what_is_wrong(bad_night):
    with pytest.raises(html5lib.html5parser.ParseError):
        assert_is_valid(render(bad_night).replace("</section>", "", 1))


def test_page_asks_for_no_other_file(bad_night):
    page = render(bad_night)
    assert "default-src 'none'" in unescape(page)
    assert not re.findall(r"""(?:src|href|url|@import|fetch|XMLHttp)\s*[=(]""", page)
    assert set(re.findall(r"[a-z]+://[^\s\"'<]+", page)) == {"http://www.w3.org/2000/svg"}


def test_page_says_where_when_why_and_what_was_lost(bad_night):
    text = str(Text(render(bad_night)))
    assert "2 of 6 checks failed" in text
    assert "36 lamps, 12 bins and 12 parking bays in Angers, Friday 27 November 2026" in text
    assert f"{DARK_LAMP} (street 2, circuit 2)" in text
    assert "20:05 to 20:17: circuit 2 had no mains power" in text
    assert "1 reading of 2,804 never reached the city" in text
    assert f"filling percentage of {ROBBED_BIN} (street 1, circuit 1), taken 21:29:57" in text
    assert "gateway-1 had acknowledged it at 21:29:57" in text


def test_page_prints_the_commands_that_replay_and_look(bad_night):
    page = render(bad_night)
    assert "faubourg-sim run bad-friday --seed 4711" in page
    assert "--until 10920 --trace urn:dev:mac:0200fffe00000024" in page


def test_node_is_known_by_its_name_as_by_its_endpoint(bad_night):
    checks = tuple(
        replace(check, first=check.first and replace(
            check.first, subject=DARK_LAMP, what="heard urn:dev:mac:0200fffe0000000a"))
        for check in bad_night.outcome.checks)
    page = render(replace(bad_night, outcome=replace(bad_night.outcome, checks=checks)))
    assert f"{DARK_LAMP} (street 2, circuit 2): heard {ROBBED_BIN}" in page
    assert "--until 10920 --trace urn:dev:mac:0200fffe00000024" in page


def test_story_is_told_in_order(bad_night):
    text = str(Text(render(bad_night)))
    order = ("18:40:00 the city's message broker was away, for 45 min",
             "20:05:00 circuit 2 had no mains power, for 12 min",
             "20:17:00 over after 12 min", "20:22:00 broken: “No lamp is dark at night”",
             "21:30:00 gateway-1 was killed, for 8 min")
    places = [text.index(line) for line in order]
    assert places == sorted(places)


def test_failed_checks_come_first(bad_night):
    text = str(Text(render(bad_night)))
    assert text.rindex("FAILED") < text.index("held Every node")


def test_good_run_says_that_all_held(good_night):
    text = str(Text(render(good_night)))
    assert "✓ All 6 checks held" in text
    assert "FAILED" not in text and "No node had trouble." in text


def test_names_from_outside_cannot_become_markup(good_night):
    facts = good_night.facts
    nodes = tuple(
        replace(node, facts=replace(node.facts, name=HOSTILE, street=HOSTILE, circuit=HOSTILE))
        for node in good_night.nodes)
    figures = tuple(replace(series, name=HOSTILE) for series in good_night.series
                    if series.kind == "gauge")
    faults = (FaultRecord(FaultKind.LOSS, HOSTILE, 0.5, 1, 9),)
    page = render(replace(good_night, nodes=nodes, series=figures, faults=faults, facts=replace(
        facts, scenario=HOSTILE, summary=HOSTILE, place=HOSTILE, command=HOSTILE,
        versions={HOSTILE: HOSTILE})))
    assert "<script>alert" not in page
    assert page.count("<script") == 2
    assert 'x\')</script>"' not in page
    assert_is_valid(page)


def test_map_shows_the_moment_of_the_first_failure(bad_night):
    street = Street(bad_night)
    assert street_map.map_moment_us(street) == 10_920_000_000
    dark = next(node for node in bad_night.nodes if node.facts.name == DARK_LAMP)
    assert street_map.css_class(street_map.state_at(dark, 10_920_000_000)) == "s2"
    assert street_map.css_class(street_map.state_at(dark, 9_000_000_000)) == "s2 lit"
    assert street_map.css_class(street_map.state_at(dark, 10_000_000_000)) == "s0"


def test_nodes_stand_where_their_positions_say(bad_night):
    points = street_map.positions(Street(bad_night))
    (x0, y0), (x20, y20) = points[0], points[20]
    assert points[1][0] - x0 == pytest.approx(25, abs=1)
    assert (x20, y20 - y0) == (x0, pytest.approx(60, abs=1))


def test_city_of_many_nodes_is_drawn_in_few_bytes(good_night):
    facts = [made_up_run.node_facts(number) for number in range(10_000)]
    one = good_night.nodes[0]
    record = replace(good_night, nodes=tuple(replace(one, facts=each) for each in facts))
    page = render(record)
    assert len(page) < 500_000
    assert_is_valid(page)


def test_light_of_many_nights_is_drawn_against_the_sun(good_night):
    days = 20
    night = tuple([0] * 12 + [100] * 20 + [0] * 16)
    carpet = LightCarpet(made_up_run.START_UNIX_S - 19200, 1800, (night,) * days)
    facts = replace(good_night.facts, duration_s=days * 86400)
    page = render(replace(good_night, facts=facts, end_us=days * 86400 * 1_000_000,
                          bucket_us=86400 * 1_000_000, carpet=carpet))
    assert_is_valid(page)
    assert "M19 24h1v40h-1z" in page
    sunsets = re.search(r'<polyline points="([^"]*)"', page).group(1).split()
    # The run begins just after the first one.
    assert len(sunsets) == days - 1
    assert all(20 < float(point.split(",")[1]) < 22 for point in sunsets)


def test_every_kind_of_fault_has_words():
    said = {words.fault(kind, "lamp 7", 0.5) for kind in FaultKind}
    assert len(said) == len(FaultKind)
    assert words.fault(FaultKind.DISK_FULL, "all", 0) == "the disk of every gateway was full"
    assert words.fault(FaultKind.BLACKOUT, "all", 0) == "the whole district had no mains power"


@pytest.mark.parametrize(("seconds", "text"), [
    (0.25, "0.2 s"), (2, "2 s"), (75, "75 s"), (300, "5 min"), (3900, "65 min"),
    (7500, "2 h 5 min"), (198_000, "2 days 7 h"), (31_536_000, "365 days")])
def test_spans_of_time_are_told_in_units_that_fit(seconds, text):
    assert length(seconds) == text


def test_clock_is_that_of_the_place_on_both_sides_of_a_change_to_summer_time(good_night):
    facts = replace(good_night.facts, start_unix_s=1_806_192_000, duration_s=10 * 3600)
    moments = Moments(facts)  # 28 March 2027, 01:00 in Angers; clocks go from 02:00 to 03:00
    assert [moments.clock(hour * 3600 * 1_000_000) for hour in (0, 1, 2)] == [
        "01:00:00", "03:00:00", "04:00:00"]


def test_run_of_days_names_its_dates(good_night):
    moments = Moments(replace(good_night.facts, duration_s=3 * 86400))
    assert moments.clock(86400 * 1_000_000) == "28 Nov 17:20:00"
    year = Moments(replace(good_night.facts, duration_s=365 * 86400))
    assert year.clock(86400 * 1_000_000) == "28 Nov 2026 17:20:00"


def test_district_in_which_everything_changes_all_the_time_stays_below_3_megabytes(bad_night):
    one = bad_night.nodes[0]
    history = tuple((80_000 + number, number % 2 + LIT) for number in range(HISTORY_MAX))
    held_up = (Span(80_000_000_000, 80_001_000_000),) * HELD_UP_MAX
    nodes = tuple(
        replace(one, facts=made_up_run.node_facts(number), history=history, held_up=held_up,
                missing=1, boots={"power": 9, "watchdog": 3}, dropped={"full": 4})
        for number in range(1000))
    figures = tuple(replace(series, values=(0.1234,) * BUCKETS_MAX, highs=(12340,) * BUCKETS_MAX)
                    for series in bad_night.series)
    faults = bad_night.faults * (FAULTS_MAX // len(bad_night.faults))
    page = render(replace(bad_night, nodes=nodes, series=figures, faults=faults))
    assert len(page.encode()) < 3_000_000


def test_faults_name_whom_they_hit(bad_night):
    street = Street(bad_night)
    said = [street.statement(Fault(0, kind, target, 9, -5400)) for kind, target in (
        (FaultKind.CLOCK_STEP, "all"), (FaultKind.NODE_RESET, "street 1"),
        (FaultKind.NODE_RESET, DARK_LAMP), (FaultKind.BLACKOUT, "circuit 2"))]
    assert said == ["the clock of gateway-1 was moved back by 90 min",
                    "every node of street 1 was reset", f"{DARK_LAMP} was reset",
                    "circuit 2 had no mains power"]


def test_story_sums_up_the_faults_of_many_single_nodes(bad_night):
    resets = tuple(FaultRecord(FaultKind.NODE_RESET, f"lamp {number}", 0, number * 60_000_000,
                               number * 60_000_000) for number in (2, 3, 5, 7, 8, 10, 12, 13))
    text = str(Text(render(replace(bad_night, faults=resets))))
    assert ("17:22:00 node reset, 8 times until 17:33 (lamp 10, lamp 12, lamp 13 and 5 more)"
            in text)


def test_scenario_of_ones_own_has_the_name_of_its_file(good_night):
    facts = replace(good_night.facts, scenario="my/streets/quay.toml")
    assert "<title>quay: All 6 checks held</title>" in render(replace(good_night, facts=facts))


def test_short_outage_is_told_to_the_second(good_night):
    moments = Moments(good_night.facts)
    spans = (Span(0, 20_000_000), Span(0, 1_200_000_000), Span(7_000_000, 7_000_000))
    assert [moments.between(span) for span in spans] == [
        "17:20:00 to 17:20:20", "17:20 to 17:40", "17:20:07"]


def test_node_that_was_silent_for_longer_than_its_like_has_trouble(good_night):
    silent, *others = (replace(node, silence=Span(0, 900_000_000)) for node in good_night.nodes)
    silent = replace(silent, silence=Span(600_000_000, 6_000_000_000), refused=7)
    text = str(Text(render(replace(good_night, nodes=(silent, *others)))))
    assert "nothing of it reached the city for 90 min (17:30 to 19:00)" in text
    assert "7 registrations refused or not answered" in text
    assert text.count("nothing of it reached the city") == 1
