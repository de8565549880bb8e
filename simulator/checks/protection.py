"""Nothing is said in clear where messages are said to be protected (RFC 8613)."""

from protocol import coap_message as coap
from simulator.checks.bounds import Facts
from simulator.checks.check import Check, Handler
from simulator.checks.wire import Wire
from simulator.happenings import DatagramSent

_ERROR_CLASSES = (4, 5)


class Protection(Check):
    """Every message is protected, but for what carries nothing.

    Messages without content are not OSCORE's (RFC 8613 section 4), and a gateway that cannot
    understand a request refuses it in clear (section 8.2): a code and a diagnostic text, at most.
    """

    name = "every message is protected"

    def __init__(self, facts: Facts, wire: Wire) -> None:
        super().__init__()
        self._is_wanted = facts.security != "none"
        self._wire = wire

    def handlers(self) -> dict[type, Handler]:
        return {DatagramSent: self._judge}

    def _judge(self, sent: DatagramSent) -> None:
        if not self._is_wanted:
            return
        seen = self._wire.see(sent)
        if seen is not None:
            if seen.option is not None or seen.code == coap.EMPTY:
                return
            if seen.gateway is not None and seen.code >> 5 in _ERROR_CLASSES:
                return
        self.fail(sent.time_us, self._wire.sender(sent),
                  "sent what is no CoAP message" if seen is None else "sent a message in clear",
                  sent)
