"""The page on security names evidence that exists, for every requirement of its lists."""

import re
from functools import cache

from tests.docs import pages

PAGE = pages.ROOT / "docs/security.md"
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_DEFINITION = re.compile(r"^(?:async )?def (test_\w+)\(", re.MULTILINE)


@cache
def defined(file):
    path = pages.ROOT / file
    return set(_DEFINITION.findall(path.read_text())) if path.exists() else set()


def missing(text):
    return [f"{file}::{name}" for file, name in _TEST.findall(text) if name not in defined(file)]


def test_every_test_that_the_page_names_exists():
    text = PAGE.read_text()
    assert len(_TEST.findall(text)) > 40
    assert missing(text) == []


def test_a_test_that_does_not_exist_would_be_found():
    assert missing("`tests/docs/test_security_page.py::test_none`") and missing("`tests/x.py::a`")


def test_every_mechanism_and_requirement_has_a_row():
    text = PAGE.read_text()
    for name in ("ACM", "AUM", "SUM", "SSM", "SCM", "RLM", "NMM", "TCM", "CCK", "GEC", "CRY"):
        assert f"\n| {name}, " in text, name
    part_1, part_2 = text.split("annex I, part I (2)")[1].split("annex I, part II\n")
    for letter in "abcdefghijklm":
        assert f"\n| ({letter}) " in part_1, letter
    for number in range(1, 9):
        assert f"({number}) " in part_2, number


def test_page_claims_no_conformity():
    text = PAGE.read_text().lower()
    assert not re.search(r"\b(conforms|compliant|complies|certified to)\b", text)
