"""What the answer to an authentic request is protected with, and what must be durable first."""

from dataclasses import dataclass

from aiocoap import oscore

from gateway.coap_codec import IncomingMessage
from gateway.security_context import SecurityContext


@dataclass(frozen=True, slots=True)
class Received:
    """A request of a node, as it came (`outer`); its strike is change `version` of the window."""

    context: SecurityContext
    request_id: oscore.RequestIdentifiers
    version: int
    outer: IncomingMessage
