"""The cases of OMA's enabler test specification (OMA-ETS-LightweightM2M-INT 1.1 and 1.2)."""

from dataclasses import dataclass
from pathlib import Path

_BOOTSTRAP = "no bootstrap interface: a node is provisioned with its settings"
_TCP = "no TCP binding: nodes speak UDP"
_VERSION_1_2 = "node and gateway speak LwM2M 1.1 to each other"
_JSON = "the JSON format of 1.0 (11543) is superseded: the node takes it in and never sends it"
_SECURITY = "no DTLS and no TLS: OSCORE protects each message, whatever carries it"
_FIRMWARE = "object 5 is not announced as long as there are no updates"
_LOCATION = "no object 6: a pole's position is in its settings"
_STATISTICS = "no object 7"
_ONE_SERVER = "a node has one server"
_OBJECT = "street furniture has no use for this object"

_REASONS = {
    "1.1-int-106": _TCP, "1.2-int-110": _VERSION_1_2, "1.2-int-111": _VERSION_1_2,
    "1.1-int-204": _JSON, "1.1-int-220": _JSON,
    "1.2-int-264": _VERSION_1_2, "1.2-int-266": _VERSION_1_2,
    "1.2-int-312": _VERSION_1_2, "1.2-int-313": _VERSION_1_2,
    "1.1-int-404": _TCP, "1.1-int-406": _TCP,
    "1.1-int-801": _LOCATION, "1.1-int-810": _LOCATION, "1.1-int-901": _STATISTICS,
    "1.1-int-905": _STATISTICS, "1.1-int-910": _STATISTICS,
    "1.1-int-950": _ONE_SERVER, "1.1-int-951": _ONE_SERVER,
}
_OSCORE_CASE = "1.1-int-405"
# They run without OSCORE as well: what a bench without keys stands on.
WITHOUT_SECURITY_TOO = ("1.1-int-101", "1.1-int-102", "1.1-int-201", "1.1-int-203")
_AREA_REASONS = {"Bootstrap": _BOOTSTRAP, "Security": _SECURITY, "Other objects": _OBJECT}
# Cases that judge a server by what ours never does.
_NOT_OF_GATEWAY = {"1.1-int-305": "the gateway observes one path at a time"}


@dataclass(frozen=True, slots=True)
class Case:
    """One case; `missing` is why it is not tried, "" if it is.

    `is_gateway_judged`: it has a criterion for the server that our gateway can be held to.
    `gateway_note` says why it is not where the specification judges the server.
    """

    id: str
    title: str
    area: str
    missing: str
    is_gateway_judged: bool
    gateway_note: str


def cases() -> list[Case]:
    """Return all cases in the order of the specification.

    In `cases.txt` an asterisk after the id marks a case that judges the server as well.
    """
    found, area = [], ""
    for line in (Path(__file__).parent / "cases.txt").read_text().splitlines():
        if line.startswith("# "):
            area = line[2:]
            continue
        number, title = line.split(" ", 1)
        id = number.rstrip("*")
        missing = _REASONS.get(id) or _AREA_REASONS.get(area, "")
        if id == _OSCORE_CASE:
            missing = ""
        if 751 <= int(id.split("-")[2]) < 800:
            missing = _FIRMWARE
        note = "" if missing else _NOT_OF_GATEWAY.get(id, "")
        is_judged = number.endswith("*") and not missing and not note
        found.append(Case(id, title, area, missing, is_judged, note))
    return found


def case_of(test: str) -> str:
    """Return the id of the case that the name of a test function bears: its first four words."""
    _, major, minor, _, number = test.split("_")[:5]
    return f"{major}.{minor}-int-{number}"
