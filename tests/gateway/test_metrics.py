"""The metrics: Prometheus' text format, and what they say."""

import re

from gateway import metrics
from gateway.rows import Backlog, Lane
from gateway.status import Status, StoreStatus, UplinkStatus

NOW_MS = 1_765_000_000_000
# The format's grammar: https://prometheus.io/docs/instrumenting/exposition_formats/
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\\\|\\"|\\n)*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (\S+)")


def status(**changes):
    lanes = {Lane.URGENT: Backlog(0, None), Lane.MEASUREMENT: Backlog(7, NOW_MS - 60_000)}
    return Status(**{
        "version": "1", "id": "quai", "security": "oscore", "uptime_s": 5, "is_time_trusted": True,
        "nodes": {"registered": 3, "late": 1}, "readings_stored": 9,
        "store": StoreStatus(None, "", None, 2, 0),
        "uplinks": (UplinkStatus("city", "connected", lanes, {"packs delivered": 4}),),
        "counters": {"coap: duplicates": 6}, "incidents": (), **changes})


def parsed(text):
    """Return {name{labels}: value}; fails on what is not of the format."""
    assert text.endswith("\n")
    found, kinds = {}, {}
    for line in text.splitlines():
        if line.startswith("# "):
            kind = re.fullmatch(rf"# (?:HELP ({NAME}) .+|TYPE ({NAME}) (?:gauge|counter))", line)
            assert kind, line
            kinds[kind[1] or kind[2]] = True
            continue
        match = SAMPLE.fullmatch(line)
        assert match and match[1] in kinds, line
        key = match[1] + (f"{{{match[2]}}}" if match[2] else "")
        assert key not in found, key
        found[key] = float(match[3])
    return found


def test_metrics_say_what_the_status_says():
    found = parsed(metrics.text(status(), NOW_MS))
    assert found['faubourg_nodes{state="registered"}'] == 3
    assert found['faubourg_uplink_waiting{uplink="city",lane="measurement"}'] == 7
    assert found['faubourg_uplink_oldest_seconds{uplink="city",lane="measurement"}'] == 60
    assert found['faubourg_uplink_oldest_seconds{uplink="city",lane="urgent"}'] == 0
    assert found['faubourg_uplink_events_total{uplink="city",event="packs delivered"}'] == 4
    assert found['faubourg_events_total{part="coap",event="duplicates"}'] == 6
    assert found["faubourg_readings_missing"] == 2
    assert found['faubourg_info{version="1",id="quai",security="oscore"}'] == 1


def test_names_that_people_choose_break_no_line():
    found = parsed(metrics.text(status(id='a"b\\c\nd'), NOW_MS))
    assert 'faubourg_info{version="1",id="a\\"b\\\\c\\nd",security="oscore"}' in found


def test_store_that_cannot_be_read_leaves_its_count_out():
    failing = StoreStatus("full", "disk full", NOW_MS, 0, 0)
    found = parsed(metrics.text(status(readings_stored=None, store=failing), NOW_MS))
    assert "faubourg_readings_stored" not in found and found["faubourg_store_failing"] == 1
