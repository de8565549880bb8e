"""Which functions of a module are on the heap at the same time."""

import ast

from tools import link_groups

LONG = "x" * link_groups.LENGTH_MIN


def grouped(text: str, *entries: str) -> list[list[str]]:
    bodies = {statement.name: statement for statement in ast.parse(text).body}
    return link_groups.groups(bodies, set(entries))


def function(name: str, *calls: str, text: str = LONG) -> str:
    return f"def {name}(): return {text!r}, {', '.join(call + '()' for call in calls)}\n"


def test_what_one_entry_alone_leads_to_is_with_it():
    text = function("encode", "head") + function("head") + function("decode", "tail")
    text += function("tail")
    assert grouped(text, "encode", "decode") == [["encode", "head"], ["decode", "tail"]]


def test_what_two_entries_lead_to_is_apart_from_both():
    text = function("encode", "check") + function("decode", "check") + function("check", "more")
    text += function("more")
    assert grouped(text, "encode", "decode") == [["encode"], ["decode"], ["check", "more"]]


def test_entry_that_another_calls_is_a_group_of_its_own():
    text = function("encode", "decode") + function("decode")
    assert grouped(text, "encode", "decode") == [["encode"], ["decode"]]


def test_functions_that_call_each_other_stay_together():
    text = function("first", "second") + function("second", "first")
    assert grouped(text, "first") == [["first", "second"]]


def test_groups_of_little_text_are_one():
    text = function("a", text="") + function("b") + function("c", text="") + function("d", text="")
    assert grouped(text, "a", "b", "c", "d") == [["b"], ["a", "c", "d"]]


def test_nothing_makes_no_group():
    assert link_groups.groups({}, {"anything"}) == []
