"""The canonical trace: equal happenings give equal lines, in any process."""

import hashlib
import io

from firmware.journal import ReadingTaken
from firmware.lwm2m_client import Stopped
from protocol.data_types import ObjectLink
from protocol.number import Decimal
from simulator.fault import Fault, FaultKind
from simulator.happenings import DatagramSent, FaultBegan, NodeSaid, Sampled
from simulator.stream import Stream
from simulator.trace import Trace, text_of

LAMP, GATEWAY = ("10.0.0.7", 5683), ("10.255.0.1", 5683)


def test_line_is_the_time_the_kind_and_the_fields():
    trace = Trace()
    assert trace.line(DatagramSent(5, LAMP, GATEWAY, b"\x40\x01")) == (
        "5 DatagramSent [10.0.0.7 5683] [10.255.0.1 5683] 4001\n")
    assert trace.line(NodeSaid(7, "lamp", ReadingTaken(1, 2, (3, 0, 9), Decimal(15, -1), 40))) == (
        "7 NodeSaid lamp ReadingTaken(boot=1 sequence=2 path=[3 0 9] value=1.5 uptime_ms=40)\n")
    assert trace.line(NodeSaid(7, "lamp", Stopped())) == "7 NodeSaid lamp Stopped()\n"
    assert trace.line(FaultBegan(0, Fault(1.5, FaultKind.LOSS, "all"))) == (
        "0 FaultBegan Fault(at_s=1.5 kind=loss target=all duration_s=0.0 amount=0.0)\n")


def test_values_have_one_text_whatever_their_order():
    assert text_of({"b": 1, "a": (True, None)}) == text_of({"a": (True, None), "b": 1})
    assert text_of(ObjectLink(3, 0)) == "3:0" and text_of("a\nb") == "'a\\nb'"
    assert "0x" not in text_of(object())


def test_digest_is_that_of_the_file():
    file = io.BytesIO()
    trace, stream = Trace(file), Stream()
    stream.subscribe_all(trace.take)
    for time_us in range(3):
        stream.tell(Sampled(time_us, {"tasks": 1.0}))
    assert trace.lines == 3 == len(file.getvalue().splitlines())
    assert trace.sha256() == hashlib.sha256(file.getvalue()).hexdigest()


def test_stream_hands_each_kind_to_who_asked_in_their_order_until_it_is_closed():
    stream, heard = Stream(), []
    stream.subscribe((Sampled,), lambda each: heard.append(("first", each.time_us)))
    stream.subscribe((Sampled, FaultBegan), lambda each: heard.append(("second", each.time_us)))
    stream.tell(Sampled(1, {}))
    stream.tell(FaultBegan(2, Fault(0, FaultKind.LOSS, "all")))
    stream.close()
    stream.tell(Sampled(3, {}))
    assert heard == [("first", 1), ("second", 1), ("second", 2)]
