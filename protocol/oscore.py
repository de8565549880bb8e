"""Object Security for Constrained RESTful Environments (RFC 8613): a message protected, or not.

AEAD algorithm AES-CCM-16-64-128, HKDF SHA-256. Whole messages in, whole messages out: who may
send which number, and which number was seen before, is kept by the caller.
"""

from protocol import aes_ccm, cbor, hkdf
from protocol import coap_message as coap
from protocol.coap_message import Message
from protocol.errors import DecodeError, EncodeError, SecurityError
from protocol.oscore_option import PIV_LENGTH_MAX, OscoreOption

SEQUENCE_MAX = 2**40 - 1
# What the nonce has room for beside the Partial IV and the length (RFC 8613 5.2).
ID_LENGTH_MAX = 7

_ALGORITHM = 10
# COSE's Enc_structure, up to the external_aad.
_AAD_START = b"\x83\x68Encrypt0\x40"
# Class U alone (RFC 8613 figure 5); Proxy-Uri, too, but that would show the path.
_OUTER = (coap.URI_HOST, coap.URI_PORT, coap.PROXY_SCHEME)
_NEVER_PROTECTED = (coap.OSCORE, coap.PROXY_URI)
_RESPONSE_CLASSES = (2, 4, 5)


class SecurityContext:
    """The keys of one peer towards another; the secret itself is not kept.

    `aes` is the block function of aes_ccm; ids of 0 to 7 bytes, `id_context` bytes or None.
    Raises EncodeError for ids that are longer or the same.
    """

    def __init__(self, aes, master_secret, master_salt, sender_id, recipient_id, id_context=None):
        if max(len(sender_id), len(recipient_id)) > ID_LENGTH_MAX or sender_id == recipient_id:
            raise EncodeError("ids too long, or the same")
        self.aes = aes
        self.sender_id = sender_id
        self.recipient_id = recipient_id
        self.id_context = id_context
        key = hkdf.extract(master_salt, master_secret)
        self.sender_key = _derived(key, sender_id, id_context, "Key", aes_ccm.KEY_LENGTH)
        self.recipient_key = _derived(key, recipient_id, id_context, "Key", aes_ccm.KEY_LENGTH)
        self.common_iv = _derived(key, b"", id_context, "IV", aes_ccm.NONCE_LENGTH)


class RequestId:
    """What binds responses to their request: its `kid` and Partial IV (RFC 8613 7.1).

    `is_spent`: the request's nonce has protected a response, or must not, because the request
    may be a replay (an Echo challenge): the next response needs a number of its own.
    """

    _fields = ("kid", "piv", "is_spent")

    def __init__(self, kid, piv, is_spent=False):
        self.kid = kid
        self.piv = piv
        self.is_spent = is_spent


def protect_request(context, message, sequence):
    """Return (outer Message, RequestId) of the request `message` (RFC 8613 8.1).

    `sequence` is a sender sequence number that was never used before. Raises EncodeError beyond
    2**40 - 1, and for a message that is protected already or has a Proxy-Uri.
    """
    piv = encode_sequence(sequence)
    request_id = RequestId(context.sender_id, piv)
    option = OscoreOption(piv, context.id_context, context.sender_id)
    is_observing = coap.option(message.options, coap.OBSERVE) is not None
    code = coap.FETCH if is_observing else coap.POST
    return _protect(context, message, code, option, request_id, piv), request_id


def protect_response(context, message, request_id, sequence=None, with_kid_context=False):
    """Return the outer Message of the response `message` (RFC 8613 8.3).

    With a `sequence` it has a Partial IV of its own, as notifications and second responses must
    (and those under another context than the request's); without, the nonce of the request,
    which is spent then: EncodeError if it was. `with_kid_context` tells the client the ID
    Context.
    """
    piv = None
    if sequence is not None:
        piv = encode_sequence(sequence)
    elif request_id.is_spent:
        raise EncodeError("nonce of the request already used")
    else:
        request_id.is_spent = True
    option = OscoreOption(piv, context.id_context if with_kid_context else None)
    is_notification = coap.option(message.options, coap.OBSERVE) is not None
    code = coap.CONTENT if is_notification else coap.CHANGED
    return _protect(context, message, code, option, request_id, piv)


def unprotect_request(context, message, option):
    """Return (inner Message, RequestId) of the request that holds `option` (RFC 8613 8.2).

    The caller asks its replay window, before or after. Raises DecodeError without a Partial IV
    or kid, or if an authentic message makes no sense; SecurityError if it is not authentic.
    """
    if option.piv is None or option.kid is None:
        raise DecodeError("request without Partial IV or kid")
    request_id = RequestId(option.kid, option.piv)
    plaintext = _decrypted(context, message, option, request_id)
    if not coap.is_request(plaintext[0]):
        raise DecodeError("no request inside")
    options, payload = _decoded(plaintext)
    for number, value in message.options:
        if number in _OUTER or number == coap.PROXY_URI:
            coap.add_option(options, number, value)
    return _with(message, plaintext[0], options, payload), request_id


def unprotect_response(context, message, option, request_id):
    """Return (inner Message, Partial IV as an int or None) of a response (RFC 8613 8.4).

    In a notification, Observe is the Partial IV's last three bytes; one without Partial IV is
    the oldest of its observation, and the only one such (RFC 8613 7.4.1). Raises SecurityError
    and DecodeError as unprotect_request().
    """
    plaintext = _decrypted(context, message, option, request_id)
    if plaintext[0] >> 5 not in _RESPONSE_CLASSES:
        raise DecodeError("no response inside")
    options, payload = _decoded(plaintext)
    piv = None if option.piv is None else int.from_bytes(option.piv, "big")
    for index, (number, _) in enumerate(options):
        if number == coap.OBSERVE:
            options[index] = (number, coap.encode_uint((piv or 0) & 0xFFFFFF))
    return _with(message, plaintext[0], options, payload), piv


def encode_sequence(sequence):
    """Return a sender sequence number as Partial IV; EncodeError beyond 2**40 - 1."""
    if not 0 <= sequence <= SEQUENCE_MAX:
        raise EncodeError("sequence number beyond its range")
    return sequence.to_bytes(PIV_LENGTH_MAX, "big").lstrip(b"\0") or b"\0"


def _derived(key, id, id_context, kind, length):
    info = cbor.encode([id, id_context, _ALGORITHM, kind, length])
    return hkdf.expand(key, info, length)


def _protect(context, message, code, option, request_id, piv):
    """Return `message` with its Class E part encrypted; `piv` None: under the request's nonce."""
    outer = []
    inner = []
    for number, value in message.options:
        if number in _NEVER_PROTECTED:
            raise EncodeError("option that OSCORE cannot carry")
        if number in _OUTER:
            outer.append((number, value))
            continue
        if number == coap.OBSERVE:
            outer.append((number, value))
            # A notification's place is told by its Partial IV (RFC 8613 4.1.3.5.2).
            value = value if coap.is_request(message.code) else b""
        inner.append((number, value))
    coap.add_option(outer, coap.OSCORE, option.encode())
    plaintext = bytearray((message.code,))
    coap.encode_options(plaintext, inner, message.payload)
    nonce = _nonce(context, context.sender_id if piv else request_id.kid, piv or request_id.piv)
    ciphertext = aes_ccm.encrypt(
        context.aes, context.sender_key, nonce, _aad(request_id), plaintext
    )
    return _with(message, code, outer, ciphertext)


def _decrypted(context, message, option, request_id):
    """Return the plaintext of `message`, a code at least."""
    is_other_kid = option.kid is not None and option.kid != context.recipient_id
    if is_other_kid or option.kid_context not in (None, context.id_context):
        raise SecurityError("another context")
    if len(message.payload) <= aes_ccm.TAG_LENGTH:
        raise DecodeError("no code inside")
    piv = option.piv
    nonce = _nonce(context, context.recipient_id if piv else request_id.kid, piv or request_id.piv)
    return aes_ccm.decrypt(
        context.aes, context.recipient_key, nonce, _aad(request_id), message.payload
    )


def _decoded(plaintext):
    options, payload = coap.decode_options(plaintext, 1)
    if coap.option(options, coap.OSCORE) is not None:
        raise DecodeError("protected twice")
    return options, payload


def _with(message, code, options, payload):
    return Message(message.type, code, message.mid, message.token, options, payload)


def _nonce(context, id, piv):
    """Return the nonce of a number that the peer called `id` has used (RFC 8613 5.2)."""
    number = len(id) << 96 | int.from_bytes(id, "big") << 40 | int.from_bytes(piv, "big")
    number ^= int.from_bytes(context.common_iv, "big")
    return number.to_bytes(aes_ccm.NONCE_LENGTH, "big")


def _aad(request_id):
    """Return the Enc_structure of a request and its responses (RFC 8613 5.4)."""
    kid, piv = request_id.kid, request_id.piv
    # The external_aad, [1, [10], kid, piv, h'']: lengths below 24, so heads of one byte each.
    external = bytes((0x47 + len(kid) + len(piv), 0x85, 1, 0x81, _ALGORITHM, 0x40 + len(kid)))
    return b"".join((_AAD_START, external, kid, bytes((0x40 + len(piv),)), piv, b"\x40"))
