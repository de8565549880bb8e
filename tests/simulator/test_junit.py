"""JUnit XML of a run: as Jenkins' schema has it, and all that a reader needs is in the failure."""

import re
from xml.etree import ElementTree as Tree

from hypothesis import given
from hypothesis import strategies as st

from simulator import junit
from simulator.account import Tally
from simulator.result import Check, FirstFailure, Result

REPLAY = "faubourg-sim run street --seed 7 --only-faults 1,4"
# junit-10.xsd, Gregory Boissinot, Jenkins' xunit plugin: attributes (needed ones with an "!") and
# children, in no stated order, of each element that we write.
SCHEMA = {
    "testsuites": ("name time tests failures errors", "testsuite"),
    "testsuite": ("name! tests! failures! errors! group time skipped timestamp hostname id "
                  "package file log url", "testsuite properties testcase system-out system-err"),
    "properties": ("", "property"),
    "property": ("name! value!", ""),
    "testcase": ("name! time classname group", "skipped error failure system-out system-err"),
    "failure": ("type message", ""),
}
SUREFIRE_TIME = re.compile(r"(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]*)?")


def result_of(*checks: Check, scenario="street", events=None, replay=REPLAY) -> Result:
    failures = tuple(FirstFailure(check, 600_000_000, "lamp 7", "dark", event)
                     for check, event in (events or {}).items())
    return Result(scenario, 7, 60, 21600, 12.5, 60, Tally(9, 9, 0, 0, 0, 0), 100, 2, 9000,
                  "oscore", (), checks, "ab" * 32, failures, (), replay)


def suite_of(*checks: Check, events=None) -> Tree.Element:
    root = Tree.fromstring(junit.render(result_of(*checks, events=events)).encode())
    _validate(root)
    (suite,) = root
    return suite


def _validate(element: Tree.Element) -> None:
    attributes, children = (text.split() for text in SCHEMA[element.tag])
    assert set(element.keys()) <= {name.rstrip("!") for name in attributes}
    assert {name[:-1] for name in attributes if name.endswith("!")} <= set(element.keys())
    if element.tag.startswith("testsuite"):
        assert SUREFIRE_TIME.fullmatch(element.get("time"))
    for child in element:
        assert child.tag in children
        _validate(child)


def test_a_run_is_a_suite_and_each_check_a_case():
    suite = suite_of(Check("no reading missing", True, ""), Check("order kept", True, ""))
    assert (suite.get("tests"), suite.get("failures"), suite.get("time")) == ("2", "0", "12.500")
    assert [case.get("name") for case in suite.iter("testcase")] == [
        "no reading missing", "order kept"]
    assert not list(suite.iter("failure"))


def test_a_failure_says_what_was_seen_first_and_how_to_see_it_again():
    suite = suite_of(Check("good", True, ""), Check("bad", False, "00:10:00.000 lamp 7: dark"),
                     events={"bad": "LightSet(permille=0)"})
    (case,) = (each for each in suite.iter("testcase") if len(each))
    failure = case[0]
    assert case.get("name") == "bad" and suite.get("failures") == "1"
    assert failure.get("message") == "00:10:00.000 lamp 7: dark"
    assert failure.text == ("00:10:00.000 lamp 7: dark\nfirst seen in: LightSet(permille=0)\n"
                            f"replay: {REPLAY}")


def test_the_suite_names_seed_trace_and_replay():
    properties = {each.get("name"): each.get("value") for each in suite_of().iter("property")}
    assert properties["seed"] == "7" and properties["trace_sha256"] == "ab" * 32
    assert properties["replay"] == REPLAY


def test_cases_of_one_run_differ_in_classname_or_name_as_gitlab_needs_it():
    suite = suite_of(*(Check(f"check {number}", True, "") for number in range(5)))
    keys = [(case.get("classname"), case.get("name")) for case in suite.iter("testcase")]
    assert len(set(keys)) == 5 and {key[0] for key in keys} == {"faubourg-sim street"}


@given(st.text(), st.text(), st.text())
def test_any_text_makes_a_document_that_can_be_read(name, detail, event):
    check = Check(name, False, detail)
    result = result_of(check, scenario=name, events={name: event}, replay=detail)
    _validate(Tree.fromstring(junit.render(result).encode()))
