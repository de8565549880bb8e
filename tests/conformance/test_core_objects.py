"""Core objects, cases 651 to 710, against the node."""

import time

import aiocoap
from aiocoap.numbers import codes

from tests.conformance import senml, tlv
from tests.conformance.street import TEXT, TLV

READABLE = {0: str, 1: str, 2: str, 3: str, 13: int, 14: str, 15: str, 16: str, 17: str, 18: str}
WLAN = 21


def test_1_1_int_651_device_access_to_resources(street):
    """Every resource gives what its operations allow, and nothing else."""
    for number, kind in READABLE.items():
        assert type(street.values(f"3/0/{number}")[f"/3/0/{number}"]) is kind
    assert street.values("3/0/6") == {"/3/0/6/0": 6}
    for number in (0, 1, 2, 3, 6, 11, 16, 17):
        refused = street.ask(codes.PUT, f"3/0/{number}", b"1", content_format=TEXT)
        assert refused.code == codes.METHOD_NOT_ALLOWED
    assert street.ask(codes.GET, "3/0/4").code == codes.METHOD_NOT_ALLOWED
    assert street.ask(codes.PUT, "3/0/4", b"1", content_format=0).code == codes.METHOD_NOT_ALLOWED
    assert street.ask(codes.POST, "3/0/0").code == codes.METHOD_NOT_ALLOWED
    now_s = int(time.time())
    street.write("3/0/13", str(now_s))
    assert now_s <= int(street.text("3/0/13")) < now_s + 120
    street.write("3/0/15", "EET-2EEST,M3.5.0/3,M10.5.0/4")
    assert street.text("3/0/14") in ("+02:00", "+03:00")


def test_1_1_int_652_device_query_firmware_version(street):
    version = street.text("3/0/3")
    assert version and version[0].isdigit()
    assert street.values("3/0/3", senml.JSON) == {"/3/0/3": version}


def test_1_1_int_680_device_create_instance_refused(street):
    for content_format, payload in (
            (TLV, b""), (TLV, tlv.resource(16, b"U")),
            (senml.CBOR, senml.pack(senml.CBOR, {"/3/1/16": "U"}))):
        refused = street.ask(codes.POST, "3", payload, content_format=content_format)
        assert refused.code == codes.METHOD_NOT_ALLOWED
    assert {path.split("/")[2] for path in street.values("3")} == {"0"}


def test_1_1_int_685_device_delete_instance_refused(street):
    assert street.ask(codes.DELETE, "3/0").code == codes.METHOD_NOT_ALLOWED
    assert street.text("3/0/0") == "Faubourg"


def test_1_1_int_701_connectivity_monitoring_read(street):
    values = street.values("4/0")
    assert values["/4/0/0"] == WLAN and values["/4/0/1/0"] == WLAN
    assert -120 < values["/4/0/2"] < 0
    assert values["/4/0/4/0"] == "127.0.0.1"
    for path, value in values.items():
        assert street.text(path[1:]) == str(value)


def test_1_1_int_710_connectivity_monitoring_observe(street):
    """Deviation: pmax 1 s; the radio of this board has a constant signal."""
    street.write_attributes("4/0/2", "pmin=1&pmax=1")
    observation = street.observe("4/0/2")
    assert observation.next() == observation.next() == observation.first
    assert all(message.mtype == aiocoap.CON for message in observation.notifications())
    observation.cancel()
    street.write_attributes("4/0/2", "pmin&pmax")
