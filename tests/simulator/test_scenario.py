"""Scenarios: what comes with Faubourg loads, and a bad file is told what is wrong with it."""

import re
from pathlib import Path

import pytest

from gateway import settings as gateway_settings
from simulator import gateway_text, scenario
from simulator.fault import FACTS, FaultKind, Place
from simulator.scenario import ScenarioError
from simulator.scenario_times import length, seconds
from simulator.targets import targets_of
from simulator.world.layout import layout

LEAST = """
[scenario]
summary = "A street."
nodes = 10
hours = 4
start = 2026-11-12T15:30:00+01:00
"""


def refused(text: str) -> str:
    with pytest.raises(ScenarioError) as caught:
        scenario.parse(LEAST + text, "bad.toml")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_scenario_needs_only_its_first_table():
    least = scenario.parse(LEAST, "least.toml")
    assert (least.about.nodes, least.start_unix_s, least.quiet_s) == (10, 1794493800, 1800)
    assert least.place.name == "Angers" and least.faults == ()


@pytest.mark.parametrize("name", scenario.names())
def test_every_scenario_that_comes_with_faubourg_loads(name):
    loaded = scenario.load(name)
    assert loaded.name == name and loaded.about.summary.endswith(".")


def test_the_scenarios_of_the_trade_are_there():
    wanted = {"street", "district", "blackout", "dusk", "bad-friday", "year", "upgrade"}
    assert wanted <= set(scenario.names())


def test_a_file_of_ones_own_is_loaded_by_its_path(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(LEAST)
    assert scenario.load(str(path)).name == str(path)


def test_an_unknown_name_is_told_which_there_are():
    with pytest.raises(ScenarioError, match='no scenario "stret": there are bad-friday, '):
        scenario.load("stret")
    with pytest.raises(ScenarioError, match="gone.toml: cannot be read"):
        scenario.load("gone.toml")


def test_a_time_of_day_is_the_first_after_the_start():
    street = scenario.parse(LEAST, "x.toml")
    assert street.offset_s("18:30") == 3 * 3600
    assert street.offset_s("15:30") == 0
    assert street.offset_s("15:29") == 86400 - 60
    assert street.offset_s("+1d2h3m4s") == 86400 + 7384


def test_lengths_are_read_as_they_are_written():
    for text in ("0s", "10s", "1m", "1h30m", "2d5s"):
        assert length(seconds(text)) == text


FAULT = "[[fault]]\nat = '+1h'\n"
ORDER = "[[command]]\nnode = 'lamp 1'\n"


@pytest.mark.parametrize(("text", "said"), [
    ("[world]\nwether = 1\n", "bad.toml: world.wether = 1: no such key; allowed are weather,"),
    ("[world]\nweather = 'wet'\n", 'world.weather = "wet": allowed is "'),
    ("[world]\narrivals = -1\n", "world.arrivals = -1: allowed is a number from 0 to 100"),
    ("[fleet]\nlamps = 0\nbins = 0\nparking = 0\n", "fleet.lamps = 0"),
    ("[fleet]\nreleases = ['0.0.9']\n", "fleet.releases = ['0.0.9']: release "),
    ("[fleet]\nreleases = []\n", "fleet.releases = []: allowed are one or more"),
    ("[fleet.lamp]\nfade_s = 1\n", "fleet.lamp = {'fade_s': 1}: fade_s is not a setting"),
    ("[fleet.bay]\ndwell_ms = -1\n", "dwell_ms must be an integer"),
    ("[place]\nname = 'Y'\nlatitude = 1\nlongitude = 91.5\ntimezone = 'X'\n",
     "place.timezone = \"X\""),
    ("[place]\nname = 'Y'\nlatitude = 91\nlongitude = 0\ntimezone = 'UTC0'\n",
     "place.latitude = 91: allowed is a number from -90 to 90"),
    ("[network]\nprofile = 'good'\n", 'network.profile = "good": allowed is perfect or'),
    ("[network.links]\n'bin *' = 'bad'\n", 'network.links.bin * = "bad"'),
    ("[gateway.commit]\nurgent_ms = 5000\n", "gateway: commit.urgent_ms = 5000: allowed is"),
    ("[gateway.gateway]\nsecurity = 'none'\n", "gateway.gateway.security = \"none\""),
    ("[checks]\nquiet = '4h'\n", 'checks.quiet = "4h": allowed is less than the 4 hours'),
    ("[checks]\nquiet = 'soon'\n", 'checks.quiet = "soon": allowed is a length of time'),
    (FAULT + "kind = 'bad luck'\n", 'fault[0].kind = "bad luck": allowed is "'),
    ("[[fault]]\nkind = 'loss'\nat = '25:00'\n", 'fault[0].at = "25:00": allowed is "+2h15m'),
    ("[[fault]]\nkind = 'node reset'\nat = '+5h'\n", "quiet"),
    (FAULT + "kind = 'partition'\n", 'fault[0].for = "0s": allowed is how long'),
    ("[[fault]]\nkind = 'partition'\nat = '+3h'\nfor = '45m'\n", "fault[0].at = \"+3h\""),
    (FAULT + "kind = 'disk full'\nfor = '1m'\ntarget = 'lamp 7'\n",
     'fault[0].target = "lamp 7": allowed is a gateway'),
    (FAULT + "kind = 'loss'\nfor = '1m'\namount = 2\n",
     "fault[0].amount = 2.0: allowed is a number from 0 to 1"),
    (FAULT + "kind = 'loss'\nfor = '1m'\namount = true\n", "fault[0].amount = True"),
    ("[[fault]]\nkind = 'loss'\n", "fault[0].at is missing: allowed is"),
    ("[fault]\nkind = 'loss'\n", "allowed are tables [[fault]]"),
    ("[[rate]]\nkind = 'node reset'\nper_day = 1\ntargets = 'gateway-1'\n", "rate[0].targets"),
    (ORDER + "at = '+1h'\noperation = 'dim'\nvalue = 101\n", "command[0]"),
    (ORDER + "at = '+1h'\noperation = 'write'\n", "command[0].path"),
    (ORDER + "at = '+5h'\noperation = 'resume'\n", "command[0].at"),
    ("nodes =\n", "bad.toml: not TOML: "),
])
def test_a_bad_file_is_told_where_and_what_is_allowed(text, said):
    assert said in refused(text)


def test_a_world_from_a_file_names_only_whom_the_fleet_has(tmp_path):
    (tmp_path / "quay.csv").write_text("time,node,quantity,value\n0,parking 7,occupied,1\n")
    path = tmp_path / "quay.toml"
    path.write_text(LEAST + "[world]\ncsv = 'quay.csv'\n")
    with pytest.raises(ScenarioError, match="it names parking 7, whom this fleet does not have"):
        scenario.load(str(path))
    name = next(n for n in targets_of(scenario.parse(LEAST, "x"), 10).nodes if "parking" in n)
    (tmp_path / "quay.csv").write_text(f"time,node,quantity,value\n0,{name},occupied,1\n")
    replay = scenario.load(str(path)).world_settings().replay
    assert replay.strangers([name]) == []
    (tmp_path / "quay.csv").write_text(f"time,node,quantity,value\n0,{name},occupied,7\n")
    with pytest.raises(ScenarioError, match=r"world.csv = .*line 2: occupied must be from 0 to 1"):
        scenario.load(str(path))


def test_shares_and_own_settings_of_the_fleet_are_laid_out():
    own = scenario.parse(LEAST + """
[fleet]
lamps = 1
bins = 1
parking = 2
[fleet.bay]
bays = 3
[fleet.bin]
container_height_cm = 90
""", "x.toml")
    sites = layout(40, 1, own.layout_settings())
    kinds = [site.furniture for site in sites]
    assert [kinds.count(kind) for kind in ("lamp", "bin", "parking")] == [10, 10, 20]
    assert {site.bays for site in sites} == {0, 3} and sites[0].bin_height_mm == 900
    assert own.place.name == "Angers" and own.world_settings().weather == "mixed"


def test_targets_of_a_street_are_its_nodes_and_its_circuits():
    district = scenario.parse(LEAST.replace("nodes = 10", "nodes = 300"), "x.toml")
    targets = targets_of(district, 300)
    assert targets.of(Place.MAINS, "street 2") == ("circuit 3", "circuit 4")
    nodes = targets.of(Place.NODE, "street 1")
    assert len(nodes) == 100 and set(targets.of(Place.LINK, "circuit 1")) < set(nodes)
    assert targets.of(Place.NODE, "lamp *") == tuple(
        name for name in targets.nodes if name.startswith("lamp"))
    assert set(targets_of(district, 50).nodes) < set(targets.nodes)


def test_every_kind_of_fault_says_what_it_needs():
    assert set(FACTS) == set(FaultKind)
    assert all(facts.amount_min <= facts.amount <= facts.amount_max for facts in FACTS.values())


def test_a_gateway_reads_what_the_scenario_says_of_it():
    own = scenario.parse(LEAST + """
[gateway.commit]
measurement_ms = 2000
[gateway.buffer]
size_max_bytes = 2000000
[gateway.uplink.city]
window = 7
[gateway.uplink.copy]
type = "file"
[fleet]
security = "none"
""", "x.toml")
    read = gateway_settings.parse(gateway_text.settings_text(own, 2), Path("/x"))
    assert (read.gateway.id, read.gateway.security) == ("gateway-3", "none")
    assert (read.commit.urgent_ms, read.commit.measurement_ms) == (50, 2000)
    assert read.uplink["city"].ack == "application" and read.uplink["city"].window == 7
    assert read.uplink["copy"].type == "file" and read.buffer.size_max_bytes == 2_000_000


@pytest.mark.parametrize("name", scenario.names())
def test_scenarios_name_what_is_in_their_fleet(name):
    loaded = scenario.load(name)
    named = [entry.target for entry in loaded.faults] + [entry.node for entry in loaded.orders]
    for target in named:
        if number := re.fullmatch("(lamp|bin|parking) ([0-9]+)", target):
            assert int(number[2]) <= loaded.about.nodes
