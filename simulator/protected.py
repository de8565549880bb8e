"""Whether what passes between a node and its gateway is protected by OSCORE (RFC 8613)."""

from protocol import coap_message as coap


def is_protected(datagram: bytes) -> bool:
    """Tell whether a whole CoAP message says nothing but what OSCORE protects."""
    message = coap.decode(datagram)
    return message.code == coap.EMPTY or coap.option(message.options, coap.OSCORE) is not None


def is_in_clear(datagram: bytes, is_of_node: bool) -> bool:
    """Tell whether a message must be protected and is not: all of the node's, the requests to it.

    An unprotected answer to the node may be right (RFC 8613 8.2), and says nothing but its code.
    """
    if not is_of_node and not coap.is_request(datagram[1]):
        return False
    return not is_protected(datagram)
