"""Write docs/conformance.md from build/conformance.json, what the last run of the cases gave.

    python -m tools.conformance_page            write the page
    python -m tools.conformance_page --check    exit 1 if it is not what would be written

Cases that did not run against all that they judge keep the line which the page has for them.
"""

import argparse
import json
import sys

from tests.conformance import catalogue
from tests.conformance.catalogue import Case
from tests.conformance.results import GATEWAY, RESULTS, ROOT, SUBJECTS, WITHOUT_SECURITY

PAGE = ROOT / "docs/conformance.md"
HEAD = """# Conformance

For somebody who wants to know which LwM2M clients and servers Faubourg will work with. Generated
by `tools/conformance_page.py` from the results of `pytest tests/conformance`: do not edit.

The cases are those of OMA's enabler test specification (OMA-ETS-LightweightM2M-INT, 1.1 and 1.2).
**We ran them ourselves, from public lists of their ids and titles; nothing here is certified.**
The specification's own text decides what a case demands; where our procedure is known to differ,
the line says so.

*Node* is `boards/UNIX` as a process on CPython and on MicroPython (amd64 and i386), against a
server scripted with aiocoap. *Gateway* is the whole service, against clients scripted with aiocoap
or from messages, in the cases that judge the server. Payloads are checked with cbor2, json and a
TLV reader of the tests' own. Transport: CoAP over UDP on loopback, each message protected with
OSCORE, at the other end by aiocoap's own client and server (by the node's own code where a client
is made from messages). Run without security too, as on a bench:
{plain}.

""".format(plain=", ".join(catalogue.WITHOUT_SECURITY_TOO))
COLUMNS = ("case", "title", "node", "gateway", "tests", "remarks")
NOT_RUN = "not run"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 if stale")
    is_check = parser.parse_args(arguments).check
    told = json.loads(RESULTS.read_text())["results"] if RESULTS.exists() else []
    before = PAGE.read_text() if PAGE.exists() else ""
    after = rendered(told, before)
    if before == after:
        return 0
    if not is_check:
        PAGE.write_text(after)
    outcome = "stale, run python -m tools.conformance_page" if is_check else "written"
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}: {outcome}\n")
    return 1 if is_check else 0


def rendered(results: list[dict], before: str) -> str:
    """Return the page for these results; `before` is the page that there is."""
    known = {line.split("|")[1].strip(): line for line in before.splitlines()
             if line.startswith("| 1.")}
    cases = catalogue.cases()
    tried = [_line(case, results, known.get(case.id)) for case in cases if not case.missing]
    missing = [_row(case.id, case.title, case.missing) for case in cases if case.missing]
    return (HEAD + _counts(cases) + "## Cases that are tried\n\n" + _table(COLUMNS, tried)
            + "\n## Cases that are not tried\n\n"
            + _table(("case", "title", "reason"), missing))


def _counts(cases: list[Case]) -> str:
    tried = [case for case in cases if not case.missing]
    judged = [case for case in tried if case.is_gateway_judged]
    return (f"Of {len(cases)} cases {len(tried)} are tried against the node, {len(judged)} of"
            " them against the gateway too.\n\n")


def _line(case: Case, results: list[dict], known: str | None) -> str:
    mine = [result for result in results if result["case"] == case.id]
    wanted = [*SUBJECTS.values(), *([GATEWAY] if case.is_gateway_judged else [])]
    if case.id in catalogue.WITHOUT_SECURITY_TOO:
        wanted += [subject + WITHOUT_SECURITY for subject in wanted]
    seen = {result["against"] for result in mine if result["outcome"] != "skipped"}
    if not seen.issuperset(wanted):
        return known or _row(case.id, case.title, NOT_RUN, NOT_RUN, "", "")
    of_gateway = [result for result in mine if result["against"].startswith(GATEWAY)]
    of_node = [result for result in mine if result not in of_gateway]
    tests = sorted({f"`{result['test']}`" for result in mine},
                   key=lambda name: ("gateway" in name, name))
    notes = sorted({_note(result) for result in mine if result["note"]})
    if case.gateway_note:
        notes.append(f"Gateway not judged: {case.gateway_note}.")
    return _row(case.id, case.title, _outcome(of_node),
                _outcome(of_gateway) if case.is_gateway_judged else "", "<br>".join(tests),
                "<br>".join(notes))


def _note(result: dict) -> str:
    note = result["note"][0].upper() + result["note"][1:]
    return "Gateway: " + note if result["against"].startswith(GATEWAY) else note


def _outcome(results: list[dict]) -> str:
    failed = [result["against"] for result in results if result["outcome"] == "failed"]
    return "passed" if not failed else "**failed**: " + ", ".join(sorted(failed))


def _table(columns: tuple[str, ...], rows: list[str]) -> str:
    rule = "|" + " --- |" * len(columns)
    return "\n".join([_row(*columns), rule, *rows]) + "\n"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
