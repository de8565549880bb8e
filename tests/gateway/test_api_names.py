"""What a request of the management API says: the node that it names, how long it waits."""

from types import SimpleNamespace

import pytest

from gateway import api_views
from gateway.api import Api
from gateway.api_requests import DIM_EXPIRES_S, Wrong, command_request
from gateway.fleet_view import view
from gateway.rows import NodeRow, ReadingRow

LAMP = "urn:dev:mac:020000fffe000101"
BIN = "urn:dev:mac:020000fffe000201"


def node(endpoint, name, asset):
    facts = (("/3410/0/3", name), ("/3410/0/4", asset))
    row = NodeRow(endpoint, None, "", "1.1", "U", False, 60, "</3/0>", 0, 0, 0, facts)
    return view(row, "registered", ())


def named(written, *more):
    views = [node(LAMP, "Quai 7", "LAMP-0042"), node(BIN, "Market", "BIN-0007"), *more]
    by_endpoint = {each.row.endpoint: each for each in views}
    gateway = SimpleNamespace(node=by_endpoint.get, nodes=lambda: views)
    return Api(gateway, str)._view(written).row.endpoint


@pytest.mark.parametrize("written", [LAMP, "000101", "quai 7", "ai 7", "LAMP-0042", "0042"])
def test_node_is_named_by_endpoint_name_asset_or_any_ending(written):
    assert named(written) == LAMP


def test_whole_name_comes_before_endings():
    assert named("7", node("urn:dev:other", "7", "")) == "urn:dev:other"


def test_two_nodes_of_one_ending_are_both_named():
    with pytest.raises(Wrong, match=rf"2 nodes \({LAMP}, {BIN}\): write more"):
        named("01")


def test_more_nodes_than_can_be_named_end_in_dots():
    more = [node(f"urn:dev:{number}01", "", "") for number in range(5)]
    with pytest.raises(Wrong, match=r"7 nodes \(.*, \.\.\.\)"):
        named("01", *more)


@pytest.mark.parametrize("written", ["", "  ", None, 7])
def test_empty_name_is_refused_and_matches_no_unnamed_node(written):
    with pytest.raises(Wrong, match="node: empty"):
        named(written, node("urn:dev:other", "", ""))


def lamp_with(level_ms, power_ms):
    readings = [reading("/3416/0/3", 40, level_ms), reading("/3418/0/4", 12, power_ms)]
    row = NodeRow(LAMP, None, "", "1.1", "U", False, 60, "</3416/0>,</3418/0>", 0, 0, 0)
    shown = api_views.summary(view(row, "registered", tuple(readings)), "oscore", 60_000)
    return [each["path"] for each in shown["main_values"]]


def reading(path, value, time_ms):
    return ReadingRow(endpoint=LAMP, boot=1, sequence=1, path=path, value=value, time_ms=time_ms,
                      time_source="node", reading_class=0, received_ms=time_ms)


def test_power_of_another_level_is_not_shown_beside_the_newer_one():
    assert lamp_with(level_ms=20_000, power_ms=10_000) == ["/3416/0/3"]


def test_power_that_was_taken_with_or_after_the_level_is_shown():
    assert lamp_with(level_ms=20_000, power_ms=18_000) == ["/3416/0/3", "/3418/0/4"]
    assert lamp_with(level_ms=20_000, power_ms=50_000) == ["/3416/0/3", "/3418/0/4"]


@pytest.mark.parametrize(("body", "expires_s"), [
    ({"operation": "dim", "level": 0, "for_s": 600}, 600),
    ({"operation": "dim", "level": 0}, DIM_EXPIRES_S),
    ({"operation": "dim", "level": 0, "for_s": 600, "expires_s": 60}, 60),
    ({"operation": "resume"}, None),
])
def test_dim_waits_for_its_lamp_as_long_as_it_lasts(body, expires_s):
    assert command_request(body, LAMP, (), lambda: "c").expires_s == expires_s
