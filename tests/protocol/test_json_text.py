from protocol import json_text
from protocol.errors import DecodeError, EncodeError
from protocol.number import Decimal
from tests.portable import raises
from tests.protocol.wrong_input import assert_only_protocol_errors

RFC8259_NOT_JSON = (
    "", " ", "[", "]", "[1", "[1,]", "[,1]", "[1 2]", "{", '{"a"}', '{"a":}', '{"a":1,}', "{1:2}",
    '{"a" 1}', "01", "-", "+1", ".5", "1.", "1.e1", "1e", "1e+", "--1", "1.2.3", "0x1", "NaN",
    "Infinity", "-Infinity", "tru", "True", "nul", '"', '"\\', '"\\x"', '"\\u12"', '"\\u12G4"',
    '"\t"', '"\\ud800"', '"\\ud800\\u0041"', '"\\udc00"', "'a'", "1 1", "[] x", "1_0",
)  # fmt: skip


def test_every_kind_of_item_is_read():
    text = b' { "a" : [ 1 , -2.50 , true , false , null ] , "b" : { } , "c" : "x" , "d" : [ ] } '
    item = {"a": [1, Decimal(-25, -1), True, False, None], "b": {}, "c": "x", "d": []}
    assert json_text.decode(text) == item


def test_numbers_keep_every_digit():
    assert json_text.decode(b"1765000000.123456789") == Decimal(1765000000123456789, -9)
    assert json_text.decode(b"18446744073709551616") == 1 << 64
    assert json_text.decode(b"1.276020076001e+09") == Decimal(1276020076001, -3)
    assert json_text.decode(b"-0") == 0


def test_escapes_and_surrogate_pairs_are_read():
    text = json_text.decode(b'"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20AC\\ud83d\\ude00\xc3\xa9"')
    assert text == '"\\/\b\f\n\r\t\u00e9\u20ac\U0001f600\u00e9'


def test_what_is_no_json_is_refused():
    for text in RFC8259_NOT_JSON:
        raises(DecodeError, json_text.decode, text.encode())
    raises(DecodeError, json_text.decode, b'"\xff"')
    raises(DecodeError, json_text.decode, b"\xef\xbb\xbf1")


def test_a_name_twice_is_refused():
    raises(DecodeError, json_text.decode, b'{"a":1,"\\u0061":2}')


def test_eight_levels_are_read_and_nine_refused():
    assert json_text.decode(b"[" * 8 + b"]" * 8) == [[[[[[[[]]]]]]]]
    raises(DecodeError, json_text.decode, b"[" * 9 + b"]" * 9)
    raises(DecodeError, json_text.decode, b"[" * 5000)


def test_more_items_than_the_limit_are_refused():
    raises(DecodeError, json_text.decode, b"[" + b"0," * json_text.ITEMS_MAX + b"0]")


def test_items_are_written_without_spaces_and_with_names_sorted():
    item = {"b": [1, Decimal(-250, -2), True, None], "a": {"c": 'x"\\\n\x01\u00e9'}}
    written = json_text.encode(item)
    assert written == '{"a":{"c":"x\\"\\\\\\u000a\\u0001\u00e9"},"b":[1,-2.5,true,null]}'.encode()
    assert json_text.decode(written) == item


def test_what_json_cannot_say_is_refused():
    raises(EncodeError, json_text.encode, b"bytes")
    raises(EncodeError, json_text.encode, [object()])


def test_random_bytes_raise_only_protocol_errors():
    valid = b'[{"n":"a\\u00e9\\ud83d\\ude00","v":-1.5e-3,"x":[true,false,null]},{}]'
    assert_only_protocol_errors(json_text.decode, [valid], 1500)
