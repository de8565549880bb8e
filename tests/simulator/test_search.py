"""The search: it finds the first run that fails, and what is left of it still fails alike."""

from simulator import scenario
from simulator.plan import Plan
from simulator.search import Shrinker, Verdict, search

BAD = scenario.load("bad-friday")


def plans(first=1):
    seed = first
    while True:
        yield Plan.of(BAD, seed)
        seed += 1


def needing(*numbers, nodes=1, hours=0.25, check="nothing lost"):
    """A run that fails if these faults of its whole plan are there, and enough of the rest."""
    whole = Plan.of(BAD, 3)
    needed = [whole.faults[number] for number in numbers]

    def attempt(plan):
        attempt.tried.append(plan)
        is_there = all(fault in plan.faults for fault in needed)
        if is_there and plan.nodes >= nodes and plan.hours >= hours:
            return Verdict(check, 60.0, "lamp 7")
        return None

    attempt.tried = []
    return attempt


def test_runs_that_hold_find_nothing():
    tried = []
    found = search([Plan.of(BAD, seed) for seed in range(5)], tried.append, print)
    assert found is None and [plan.seed for plan in tried] == list(range(5))


def test_first_failing_run_is_reported_with_its_number():
    said = []
    found = search(plans(), lambda plan: Verdict("a", 1.0, "b") if plan.seed == 3 else None,
                   said.append, tries_max=0)
    assert (found.runs, found.first.seed) == (3, 3) and found.smallest == found.first
    assert said[-1] == "fails: a: b"


def test_only_the_faults_that_matter_are_left():
    attempt = needing(1, 4)
    shrinker = Shrinker(Plan.of(BAD, 3), Verdict("nothing lost", 60.0, ""), attempt, print, 500)
    shrinker.run()
    whole = Plan.of(BAD, 3)
    assert set(shrinker.plan.faults) == {whole.faults[1], whole.faults[4]}
    assert attempt(shrinker.plan) is not None


def test_nodes_and_hours_shrink_as_far_as_it_still_fails():
    shrinker = Shrinker(Plan.of(BAD, 3), Verdict("nothing lost", 60.0, ""),
                        needing(nodes=9, hours=1.0), print, 500)
    shrinker.run()
    assert 9 <= shrinker.plan.nodes < 18 and 1.0 <= shrinker.plan.hours < 2.5
    assert shrinker.plan.faults == ()


def test_another_failure_is_not_taken_for_this_one():
    shrinker = Shrinker(Plan.of(BAD, 3), Verdict("nothing lost", 60.0, ""),
                        needing(check="something else"), print, 500)
    shrinker.run()
    assert shrinker.plan == Plan.of(BAD, 3)


def test_shrinking_ends_after_so_many_runs():
    attempt = needing()
    Shrinker(Plan.of(BAD, 3), Verdict("nothing lost", 60.0, ""), attempt, print, 7).run()
    assert len(attempt.tried) == 7
