"""The message codec against aiocoap's, both ways."""

import aiocoap
from aiocoap.numbers.codes import Code
from aiocoap.numbers.optionnumbers import OptionNumber
from aiocoap.numbers.types import Type
from aiocoap.optiontypes import OpaqueOption
from hypothesis import given
from hypothesis import strategies as st

from protocol import coap_message as coap
from protocol.coap_message import Message, decode, encode
from protocol.errors import DecodeError

# aiocoap gives known options their types; opaque values of those would not compare.
KNOWN = {int(number) for number in OptionNumber}
OPAQUE_NUMBERS = st.integers(0, 65535).filter(lambda number: number not in KNOWN)
TEXT_NUMBERS = st.sampled_from([coap.URI_PATH, coap.URI_QUERY, coap.LOCATION_PATH])
UINT_NUMBERS = st.sampled_from([coap.CONTENT_FORMAT, coap.ACCEPT, coap.SIZE1, coap.SIZE2])

opaque_options = st.tuples(OPAQUE_NUMBERS, st.binary(max_size=300))
text_options = st.tuples(TEXT_NUMBERS, st.text(max_size=40).map(str.encode))
uint_options = st.tuples(UINT_NUMBERS, st.integers(0, 65535).map(coap.encode_uint))


@st.composite
def messages(draw):
    options = draw(st.lists(text_options | uint_options | opaque_options, max_size=12))
    options.sort(key=lambda option: option[0])
    code = draw(st.sampled_from([1, 2, 3, 4, 5, 7, 65, 68, 69, 95, 128, 132, 141, 160, 163]))
    return Message(
        draw(st.sampled_from([coap.CON, coap.NON])),
        code,
        draw(st.integers(0, 65535)),
        draw(st.binary(max_size=8)),
        options,
        draw(st.binary(max_size=200)),
    )


def as_aiocoap(message):
    foreign = aiocoap.Message(code=Code(message.code), payload=message.payload)
    foreign.mtype = Type(message.type)
    foreign.mid = message.mid
    foreign.token = message.token
    for number, value in message.options:
        option = OptionNumber(number).create_option(decode=value)
        foreign.opt.add_option(option)
    return foreign


@given(messages())
def test_aiocoap_reads_what_we_write(message):
    foreign = aiocoap.Message.decode(encode(message))
    assert (int(foreign.mtype), int(foreign.code), foreign.mid, foreign.token) == (
        message.type, message.code, message.mid, message.token)
    options = [(int(option.number), option.encode()) for option in foreign.opt.option_list()]
    assert options == message.options
    assert foreign.payload == message.payload


@given(messages())
def test_we_write_what_aiocoap_writes(message):
    assert encode(message) == as_aiocoap(message).encode()


@given(messages())
def test_we_read_what_aiocoap_writes(message):
    decoded = decode(as_aiocoap(message).encode())
    for field in Message._fields:
        assert getattr(decoded, field) == getattr(message, field)


@given(st.binary(max_size=80))
def test_whatever_we_accept_is_written_alike(datagram):
    try:
        message = decode(datagram)
    except DecodeError:
        return
    # A longer form than needed is legal in no option header, so bytes come back as they were
    # unless an extended form could have been shorter.
    again = decode(encode(message))
    assert (again.options, again.payload) == (message.options, message.payload)


def test_opaque_numbers_stay_opaque_in_aiocoap():
    assert isinstance(OptionNumber(2049).create_option(decode=b"x"), OpaqueOption)
