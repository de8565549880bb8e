"""Our OSCORE in terms of datagrams, so that a test can call it in either Python.

`keys` are (master secret, master salt, sender id, recipient id, ID Context or None).
"""

from protocol import aes_ccm, oscore, oscore_option
from protocol import coap_message as coap
from protocol.oscore import RequestId, SecurityContext
from tests.protocol.block_cipher import aes


def encrypt(key, nonce, aad, plaintext):
    return aes_ccm.encrypt(aes, key, nonce, aad, plaintext)


def decrypt(key, nonce, aad, ciphertext):
    return aes_ccm.decrypt(aes, key, nonce, aad, ciphertext)


def derived(*keys):
    """Return sender key, recipient key and Common IV."""
    context = SecurityContext(aes, *keys)
    return context.sender_key, context.recipient_key, context.common_iv


def protect_request(keys, datagram, sequence):
    context = SecurityContext(aes, *keys)
    outer, _ = oscore.protect_request(context, coap.decode(datagram), sequence)
    return coap.encode(outer)


def unprotect_request(keys, datagram):
    """Return the inner request and the Partial IV."""
    outer = coap.decode(datagram)
    inner, request_id = oscore.unprotect_request(
        SecurityContext(aes, *keys), outer, option_of(outer))
    return coap.encode(inner), request_id.piv


def protect_response(keys, datagram, piv, sequence):
    """Protect the response to the peer's request with Partial IV `piv`."""
    context = SecurityContext(aes, *keys)
    request_id = RequestId(context.recipient_id, piv)
    outer = oscore.protect_response(context, coap.decode(datagram), request_id, sequence)
    return coap.encode(outer)


def unprotect_response(keys, datagram, piv):
    """Return the inner response to our request with `piv`, and its own number or None."""
    outer = coap.decode(datagram)
    context = SecurityContext(aes, *keys)
    request_id = RequestId(context.sender_id, piv)
    inner, number = oscore.unprotect_response(context, outer, option_of(outer), request_id)
    return coap.encode(inner), number


def option_of(outer):
    return oscore_option.decode(coap.option(outer.options, coap.OSCORE))
