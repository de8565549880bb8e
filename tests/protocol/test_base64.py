from protocol import base64
from protocol.errors import DecodeError
from tests.portable import raises

RFC4648_10 = (
    (b"", ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v"), (b"foob", "Zm9vYg=="),
    (b"fooba", "Zm9vYmE="), (b"foobar", "Zm9vYmFy"),
)  # fmt: skip


def test_vectors_of_rfc_4648():
    for data, text in RFC4648_10:
        assert base64.encode(data) == text
        assert base64.decode(text) == data
        assert base64.decode(text.rstrip("=")) == data


def test_the_form_for_urls_has_its_own_letters_and_no_padding():
    assert base64.encode_url(b"\xfb\xff\xfe\x00") == "-__-AA"
    assert base64.decode_url("-__-AA") == b"\xfb\xff\xfe\x00"
    assert base64.decode_url("-__-AA==") == b"\xfb\xff\xfe\x00"
    raises(DecodeError, base64.decode_url, "+//+AA")
    raises(DecodeError, base64.decode, "-__-AA")


def test_long_data_is_one_line():
    assert base64.decode(base64.encode(bytes(300))) == bytes(300)
    assert "\n" not in base64.encode(bytes(300))


def test_what_is_no_base64_is_refused():
    for text in ("A", "AAAAA", "AA=", "AA===", "=", "A A=", "AA\n", "Zm=v", "Zm9v=", "\u00e9AAA"):
        raises(DecodeError, base64.decode, text)
