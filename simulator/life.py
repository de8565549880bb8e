"""One node's life as a person reads it: `faubourg-sim run ... --trace "lamp 7"`."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from firmware.journal import ReadingDropped, ReadingsAcknowledged, ReadingTaken
from gateway.names import name_of
from protocol import coap_message as coap
from protocol import lwm2m_path
from protocol.errors import ProtocolError
from simulator.happenings import (
    CommandAnswered,
    CommandGiven,
    DatagramArrived,
    DatagramDropped,
    DatagramSent,
    FaultBegan,
    FaultEnded,
    Happening,
    LightSet,
    NodeBooted,
    NodeObeyed,
    NodeSaid,
    NodeStopped,
    ReadingDelivered,
    TruthChanged,
)
from simulator.trace import text_of
from simulator.world.layout import Site

_TYPES = ("CON", "NON", "ACK", "RST")
_METHODS = {coap.GET: "GET", coap.POST: "POST", coap.PUT: "PUT", coap.DELETE: "DELETE",
            coap.FETCH: "FETCH", coap.EMPTY: "empty"}


class Life:
    """Says each thing that concerns one node, with its local time; datagrams with their code."""

    kinds = (NodeBooted, NodeStopped, NodeSaid, NodeObeyed, LightSet, TruthChanged, CommandGiven,
             CommandAnswered, ReadingDelivered, DatagramSent, DatagramArrived, DatagramDropped,
             FaultBegan, FaultEnded)

    def __init__(self, site: Site, host: str, start_unix_s: float,
                 offset_s: Callable[[int], int], say: Callable[[str], None]) -> None:
        self._site = site
        self._host = host
        self._start_unix_s = start_unix_s
        self._offset_s = offset_s
        self._say = say

    def take(self, happening: Happening) -> None:
        """Say what happened, if it concerns this node."""
        words = self._words(happening)
        if words:
            self._say(f"{self._clock(happening.time_us)}  {words}")

    def _clock(self, time_us: int) -> str:
        unix_s = self._start_unix_s + time_us / 1e6
        local = datetime.fromtimestamp(unix_s + self._offset_s(int(unix_s)), UTC)
        return local.strftime("%d.%m. %H:%M:%S.%f")[:-3]

    def _words(self, happening: Happening) -> str:
        if isinstance(happening, (DatagramSent, DatagramArrived, DatagramDropped)):
            return self._datagram(happening)
        if isinstance(happening, (FaultBegan, FaultEnded)):
            return self._fault(happening)
        if isinstance(happening, TruthChanged):
            is_ours = happening.place.partition(".")[0] in (
                self._site.endpoint, self._site.circuit)
            return f"truth: {happening.quantity} {happening.value:g}" if is_ours else ""
        if happening.endpoint != self._site.endpoint:
            return ""
        return _of_the_node(happening)

    def _datagram(self, happening: Any) -> str:
        is_sender = happening.sender[0] == self._host
        if not is_sender and happening.receiver[0] != self._host:
            return ""
        if isinstance(happening, DatagramDropped):
            return f"   {'->' if is_sender else '<-'} lost ({happening.reason})"
        # What it sends is said when it leaves, what it gets when it arrives.
        if isinstance(happening, DatagramSent) is not is_sender:
            return ""
        return f"   {'->' if is_sender else '<-'} {_message(happening.data)}"

    def _fault(self, happening: FaultBegan | FaultEnded) -> str:
        fault = happening.fault
        # Of the others' faults, those that hit everybody.
        if fault.target.startswith(("lamp", "bin", "parking")) and fault.target != self._site.name:
            return ""
        verb = "begins" if isinstance(happening, FaultBegan) else "ends"
        return f"{fault.kind} {verb} ({fault.target})"


def _of_the_node(happening: Any) -> str:
    if isinstance(happening, NodeBooted):
        return f"boots ({happening.cause})"
    if isinstance(happening, NodeStopped):
        return f"stops ({happening.cause})"
    if isinstance(happening, LightSet):
        return f"light {happening.permille / 10:g} %"
    if isinstance(happening, NodeObeyed):
        return f"obeys: {happening.operation} {happening.path} {text_of(happening.value)}"
    if isinstance(happening, CommandGiven):
        return (f"the city asks: {happening.operation} {happening.path} "
                f"{text_of(happening.value)} ({happening.command})")
    if isinstance(happening, CommandAnswered):
        return f"the city hears: {happening.outcome} {happening.detail} ({happening.command})"
    if isinstance(happening, ReadingDelivered):
        return (f"delivered {happening.boot}:{happening.sequence} {happening.content} "
                f"({happening.lane})")
    return _event(happening.event)


def _event(event: Any) -> str:
    if isinstance(event, ReadingTaken):
        path = lwm2m_path.render(event.path)
        return (f"reading {event.boot}:{event.sequence} {name_of(event.path)} "
                f"{text_of(event.value)} ({path})")
    if isinstance(event, ReadingsAcknowledged):
        return f"acknowledged {event.boot}:{text_of(event.sequences)}"
    if isinstance(event, ReadingDropped):
        return f"drops {event.boot}:{event.sequence}: {event.reason}"
    return text_of(event)


def _message(data: bytes) -> str:
    try:
        message = coap.decode(data)
    except ProtocolError:
        return f"{len(data)} bytes that are no CoAP message"
    code = _METHODS.get(message.code, f"{message.code >> 5}.{message.code & 31:02}")
    is_protected = coap.option(message.options, coap.OSCORE) is not None
    return (f"{_TYPES[message.type]} {code} {message.mid}"
            f"{' protected' if is_protected else ''}, {len(data)} bytes")
