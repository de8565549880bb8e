"""What came of a run as JUnit XML, which every CI shows: a suite per run, a case per check.

The elements and attributes are those of Jenkins' schema (junit-10.xsd of its xunit plugin).
GitLab shows a case's `classname`, its name and the text of its failure, and passes over the
message and the properties: so the text holds all of it.
"""

import re
from xml.etree import ElementTree as Tree

from simulator.result import Check, Result

PROGRAM = "faubourg-sim"
# What XML 1.0 section 2.2 has no character for.
_NO_CHARACTER = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(result: Result) -> str:
    """Return the XML document of a run."""
    events = {failure.check: failure.event for failure in result.failures}
    failed = sum(not check.ok for check in result.checks)
    counts = {"tests": str(len(result.checks)), "failures": str(failed), "errors": "0",
              "time": f"{result.wall_s:.3f}"}
    root = Tree.Element("testsuites", {"name": PROGRAM, **counts})
    name = _text(f"{PROGRAM} {result.scenario}")
    suite = Tree.SubElement(root, "testsuite", {"name": name, "skipped": "0", **counts})
    _add_properties(suite, result)
    for check in result.checks:
        case = Tree.SubElement(suite, "testcase", {
            "classname": name, "name": _text(check.name), "time": "0"})
        if not check.ok:
            _add_failure(case, check, result.replay, events.get(check.name, ""))
    Tree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{Tree.tostring(root, "unicode")}\n'


def _add_properties(suite: Tree.Element, result: Result) -> None:
    values = {"seed": result.seed, "nodes": result.nodes, "virtual_s": result.virtual_s,
              "security": result.security, "trace_sha256": result.trace_sha256 or "none",
              "replay": result.replay or "none"}
    properties = Tree.SubElement(suite, "properties")
    for name, value in values.items():
        Tree.SubElement(properties, "property", {"name": name, "value": _text(str(value))})


def _add_failure(case: Tree.Element, check: Check, replay: str, event: str) -> None:
    failure = Tree.SubElement(case, "failure", {
        "type": "check", "message": _text(check.detail)})
    lines = [check.detail, *([f"first seen in: {event}"] if event else ()),
             *([f"replay: {replay}"] if replay else ())]
    failure.text = _text("\n".join(lines))


def _text(text: str) -> str:
    """Return `text` with a mark in the place of each character that XML cannot hold."""
    return _NO_CHARACTER.sub("\ufffd", text)
