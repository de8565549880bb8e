"""Planted bugs fit the project as it stands, so that `make prove` can break it."""

import pytest

from tools import planted_bugs

BUGS = planted_bugs.load()


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_bug_changes_one_place_and_names_tests_that_are_there(bug):
    text = (planted_bugs.ROOT / bug.file).read_text()
    assert text.count(bug.old) == 1 and bug.old != bug.new
    for test in bug.tests:
        path, _, name = test.partition("::")
        assert f"def {name.partition('[')[0]}(" in (planted_bugs.ROOT / path).read_text()


def test_failing_test_is_named(tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_x.py").write_text("def test_y():\n    assert False\n")
    assert planted_bugs.run_tests(tmp_path, ("tests",)) == (1, "tests/test_x.py::test_y")


def test_every_rule_of_delivery_has_a_bug():
    rules = {bug.rule for bug in BUGS}
    assert len(rules) == len(BUGS) >= 5


def test_bug_that_does_not_fit_is_refused(tmp_path):
    (tmp_path / "a.py").write_text("one = 1\n")
    bug = planted_bugs.Bug("x", "a rule", "a.py", "two", "three", ())
    with pytest.raises(planted_bugs.BadBug):
        bug.plant(tmp_path)
