"""Our OSCORE, on each interpreter, against aiocoap's and against `cryptography`."""

import aiocoap
import pytest
from aiocoap import oscore as foreign
from aiocoap.message import Direction
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocol import coap_message as coap
from protocol.coap_message import Message
from tests.full_size import is_full_size
from tests.micropython.process import INTERPRETERS, MicroPythonWorker, outcome_here

PER_INTERPRETER = settings(
    max_examples=1000 if is_full_size() else 40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
PEER = "tests.protocol.oscore_peer"

ids = st.binary(max_size=7)
sequences = st.integers(0, 2**40 - 2) | st.sampled_from([0, 255, 256, 2**32 - 1, 2**32])
# Ciphertexts end within, at and beyond blocks of 16, 64 and 1024.
payloads = st.binary(max_size=70) | st.integers(0, 1100).map(lambda length: b"\xa5" * length)
texts = st.text(max_size=20).map(str.encode)


@st.composite
def keys(draw):
    """Give the keys of a client; those of its server are `mirrored`."""
    sender, recipient = draw(st.tuples(ids, ids).filter(lambda pair: pair[0] != pair[1]))
    id_context = draw(st.none() | st.binary(max_size=40))
    return (draw(st.binary(min_size=16, max_size=32)), draw(st.binary(max_size=80)), sender,
            recipient, id_context)


def mirrored(client):
    secret, salt, sender, recipient, id_context = client
    return secret, salt, recipient, sender, id_context


def uint(number, maximum):
    return st.integers(0, maximum).map(lambda value: (number, coap.encode_uint(value)))


def values(number, strategy):
    return strategy.map(lambda value: (number, value))


def block(number):
    fields = st.tuples(st.integers(0, 2**20 - 1), st.booleans(), st.integers(0, 6))
    return fields.map(
        lambda each: (number, coap.encode_uint(each[0] << 4 | each[1] << 3 | each[2])))


COMMON = (block(coap.BLOCK1), block(coap.BLOCK2), uint(coap.SIZE1, 2**32 - 1),
          uint(coap.CONTENT_FORMAT, 65535), values(coap.ETAG, st.binary(min_size=1, max_size=8)),
          values(coap.ECHO, st.binary(min_size=1, max_size=40)),
          values(2048, st.binary(max_size=300)), values(2051, st.binary(max_size=20)))
IN_REQUESTS = (*COMMON, values(coap.URI_PATH, texts), values(coap.URI_QUERY, texts),
               uint(coap.ACCEPT, 65535), values(coap.REQUEST_TAG, st.binary(max_size=8)))
IN_RESPONSES = (*COMMON, values(coap.LOCATION_PATH, texts), uint(coap.MAX_AGE, 2**32 - 1))


def messages(codes, choices, repeatable):
    """Give datagrams whose options `choices` makes, in order, those of `repeatable` repeated."""

    @st.composite
    def drawn(draw):
        found = draw(st.lists(st.one_of(choices), max_size=8))
        first = {number: value for number, value in reversed(found)}
        options = [each for each in found if each[0] in repeatable or first[each[0]] is each[1]]
        options.sort(key=lambda option: option[0])
        return Message(coap.CON, draw(st.sampled_from(codes)), draw(st.integers(0, 65535)),
                       draw(st.binary(max_size=8)), options, draw(payloads))

    return drawn()


REQUESTS = messages([1, 2, 3, 4, 5, 6, 7], IN_REQUESTS, (coap.URI_PATH, coap.URI_QUERY))
RESPONSES = messages([65, 68, 69, 95, 128, 129, 132, 160], IN_RESPONSES, (coap.LOCATION_PATH,))


class Foreign(foreign.CanProtect, foreign.CanUnprotect, foreign.SecurityContextUtils):
    """aiocoap's side of a context, whose numbers nobody stores."""

    alg_aead = foreign.algorithms[foreign.DEFAULT_ALGORITHM]
    hashfun = foreign.hashfunctions[foreign.DEFAULT_HASHFUNCTION]
    echo_recovery = None

    def __init__(self, keys, sequence=0):
        secret, salt, self.sender_id, self.recipient_id, self.id_context = keys
        self.derive_keys(salt, secret)
        self.sender_sequence_number = sequence
        self.recipient_replay_window = foreign.ReplayWindow(32, lambda: None)
        self.recipient_replay_window.initialize_empty()

    def post_seqnoincrease(self):
        pass


def as_foreign(datagram, direction):
    message = aiocoap.Message.decode(datagram)
    message.direction = direction
    return message


def protected_by_foreign(context, datagram, request_id=None, own_number=False):
    """Return the datagram in which aiocoap protects `datagram`."""
    plain = as_foreign(datagram, Direction.OUTGOING)
    if request_id and own_number:
        request_id.can_reuse_nonce = False
    outer, _ = context.protect(plain, request_id)
    if request_id and plain.opt.observe is not None:
        # As its server does for notifications.
        outer.opt.observe = context.sender_sequence_number
    outer.mtype, outer.mid, outer.token = plain.mtype, plain.mid, plain.token
    return outer.encode()


def request_id_of(context, piv):
    return foreign.RequestIdentifiers(context.recipient_id, piv, True, coap.POST)


def with_observe(message, value):
    """Return the datagram of `message`, observing if `value` is not None."""
    options = list(message.options)
    if value is not None:
        coap.add_option(options, coap.OBSERVE, value)
    return coap.encode(Message(message.type, message.code, message.mid, message.token, options,
                               message.payload))


def assert_same(message, datagram):
    """Compare what aiocoap read with a datagram, header aside."""
    expected = coap.decode(datagram)
    read = [(int(each.number), each.encode()) for each in message.opt.option_list()]
    assert (int(message.code), read, message.payload) == (
        expected.code, expected.options, expected.payload)


@pytest.fixture(scope="module", params=("cpython", *INTERPRETERS))
def ours(request):
    """A function that calls one of PEER and returns what it returns, or the error's name."""
    worker = None if request.param == "cpython" else MicroPythonWorker(request.param)
    outcome = worker.outcome if worker else outcome_here
    yield lambda function, *arguments: outcome(PEER, function, *arguments)[1]
    if worker:
        worker.close()


@PER_INTERPRETER
@given(st.binary(min_size=16, max_size=16), st.binary(min_size=13, max_size=13),
       st.binary(min_size=1, max_size=50), payloads, st.integers(0, 10**6))
def test_ccm_is_that_of_cryptography(ours, key, nonce, aad, plaintext, place):
    ciphertext = AESCCM(key, tag_length=8).encrypt(nonce, plaintext, aad)
    assert ours("encrypt", key, nonce, aad, plaintext) == ciphertext
    assert ours("decrypt", key, nonce, aad, ciphertext) == plaintext
    changed = bytearray(ciphertext)
    changed[place // 8 % len(changed)] ^= 1 << place % 8
    assert ours("decrypt", key, nonce, aad, bytes(changed)) == "SecurityError"


@pytest.mark.parametrize("length", [239, 240, 241, 255, 256, 257, 496, 512, 4079, 4080, 65535])
def test_ccm_of_several_pieces_is_that_of_cryptography(ours, length):
    key, nonce, plaintext = bytes(16), bytes(range(13)), bytes(range(256)) * 256
    ciphertext = AESCCM(key, tag_length=8).encrypt(nonce, plaintext[:length], b"data")
    assert ours("encrypt", key, nonce, b"data", plaintext[:length]) == ciphertext
    assert ours("decrypt", key, nonce, b"data", ciphertext) == plaintext[:length]


@PER_INTERPRETER
@given(st.binary(max_size=100), st.binary(max_size=100), st.binary(max_size=40),
       st.integers(1, 300))
def test_hkdf_is_that_of_cryptography(micropython_worker, secret, salt, info, length):
    expected = HKDF(SHA256(), length, salt, info).derive(secret)
    call = "protocol.hkdf", "hkdf_sha256", salt, secret, info, length
    assert micropython_worker.outcome(*call)[1] == outcome_here(*call)[1] == expected


@PER_INTERPRETER
@given(keys())
def test_keys_are_those_of_aiocoap(ours, client):
    context = Foreign(client)
    assert ours("derived", *client) == (
        context.sender_key, context.recipient_key, context.common_iv)


@PER_INTERPRETER
@given(keys(), REQUESTS, sequences, st.sampled_from([None, None, b"", b"\x01"]))
def test_requests_are_protected_as_by_aiocoap(ours, client, request, sequence, observe):
    datagram = with_observe(request, observe)
    outer = protected_by_foreign(Foreign(client, sequence), datagram)
    assert ours("protect_request", client, datagram, sequence) == outer
    piv = sequence.to_bytes(5, "big").lstrip(b"\0") or b"\0"
    assert ours("unprotect_request", mirrored(client), outer) == (datagram, piv)


@PER_INTERPRETER
@given(keys(), REQUESTS, sequences, st.sampled_from([None, b""]))
def test_aiocoap_reads_our_requests(ours, client, request, sequence, observe):
    datagram = with_observe(request, observe)
    outer = ours("protect_request", client, datagram, sequence)
    inner, request_id = Foreign(mirrored(client)).unprotect(as_foreign(outer, Direction.INCOMING))
    assert_same(inner, datagram)
    assert int.from_bytes(request_id.partial_iv, "big") == sequence


@PER_INTERPRETER
@given(keys(), RESPONSES, sequences, sequences | st.none())
def test_responses_are_protected_as_by_aiocoap(ours, client, response, asked, sequence):
    datagram = coap.encode(response)
    piv = asked.to_bytes(5, "big").lstrip(b"\0") or b"\0"
    context = Foreign(mirrored(client), sequence or 0)
    outer = protected_by_foreign(
        context, datagram, request_id_of(context, piv), sequence is not None)
    assert ours("protect_response", mirrored(client), datagram, piv, sequence) == outer
    assert ours("unprotect_response", client, outer, piv) == (datagram, sequence)


@PER_INTERPRETER
@given(keys(), RESPONSES, sequences, sequences)
def test_aiocoap_reads_our_notifications_and_we_its(ours, client, response, asked, sequence):
    piv = asked.to_bytes(5, "big").lstrip(b"\0") or b"\0"
    outer = ours("protect_response", mirrored(client), with_observe(response, b"\x07"), piv,
                 sequence)
    reader = Foreign(client)
    request_id = foreign.RequestIdentifiers(reader.sender_id, piv, False, coap.FETCH)
    inner, _ = reader.unprotect(as_foreign(outer, Direction.INCOMING), request_id)
    assert inner.opt.observe == sequence
    inner.opt.observe = None
    assert_same(inner, coap.encode(response))
    context = Foreign(mirrored(client), sequence)
    outer = protected_by_foreign(
        context, with_observe(response, b""), request_id_of(context, piv), True)
    expected = with_observe(response, coap.encode_uint(sequence & 0xFFFFFF))
    assert ours("unprotect_response", client, outer, piv) == (expected, sequence)


@PER_INTERPRETER
@given(keys(), REQUESTS, sequences, st.integers(0, 10**6))
def test_neither_reads_a_request_with_a_bit_changed(ours, client, request, sequence, place):
    outer = coap.decode(ours("protect_request", client, coap.encode(request), sequence))
    payload = bytearray(outer.payload)
    payload[place // 8 % len(payload)] ^= 1 << place % 8
    outer.payload = bytes(payload)
    datagram = coap.encode(outer)
    assert ours("unprotect_request", mirrored(client), datagram) == "SecurityError"
    with pytest.raises(foreign.ProtectionInvalid):
        Foreign(mirrored(client)).unprotect(as_foreign(datagram, Direction.INCOMING))
