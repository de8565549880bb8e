from protocol import cbor, credentials
from protocol.credentials import Credentials
from protocol.errors import DecodeError, EncodeError
from tests.portable import raises
from tests.protocol.wrong_input import assert_only_protocol_errors

SECRET = bytes(range(16))
SALT = b"saltsalt"
NODE_ID = b"\x00\x00\x00\x06"
GATEWAY_ID = b"\x00\x00\x00\x07"


def made(id_context=None):
    return Credentials(SECRET, SALT, NODE_ID, GATEWAY_ID, id_context)


def test_credentials_are_read_as_they_were_written():
    for given in (made(), made(b"R" * 8), made(b"r")):
        read = credentials.decode(credentials.encode(given))
        for field in Credentials._fields:
            assert getattr(read, field) == getattr(given, field), field
        assert read == given


def test_the_file_is_a_map_with_integer_keys():
    items = {1: 1, 2: SECRET, 3: SALT, 4: NODE_ID, 5: GATEWAY_ID}
    assert credentials.encode(made()) == cbor.encode(items)
    items[6] = b"12345678"
    assert credentials.encode(made(b"12345678")) == cbor.encode(items)
    assert len(credentials.encode(made(b"12345678"))) <= credentials.ENCODED_LENGTH_MAX


def test_the_other_peer_has_the_ids_the_other_way_round():
    mirrored = made(b"R").mirrored()
    assert (mirrored.sender_id, mirrored.recipient_id) == (GATEWAY_ID, NODE_ID)
    assert mirrored.id_context == b"R"
    assert mirrored != made(b"R")
    assert mirrored.mirrored() == made(b"R")


def test_renewed_credentials_differ_in_the_id_context_alone():
    renewed = made().renewed(b"R" * 8)
    assert renewed == made(b"R" * 8)
    assert renewed != made()


def test_fields_of_a_wrong_length_are_refused():
    for wrong in ((SECRET[:15], SALT, NODE_ID, GATEWAY_ID), (SECRET, SALT + b"1", NODE_ID,
                  GATEWAY_ID), (SECRET, SALT, b"", GATEWAY_ID), (SECRET, SALT, NODE_ID, NODE_ID),
                  (SECRET, SALT, NODE_ID, 7), (SECRET, SALT, NODE_ID, GATEWAY_ID, b""),
                  (SECRET, SALT, NODE_ID, GATEWAY_ID, b"123456789")):
        raises(EncodeError, Credentials, *wrong)


def test_a_file_that_is_not_exactly_credentials_is_refused():
    good = {1: 1, 2: SECRET, 3: SALT, 4: NODE_ID, 5: GATEWAY_ID}
    for key, value in ((1, 2), (1, True), (2, b"short"), (2, "text"), (4, GATEWAY_ID), (6, b""),
                       (6, None), (7, b"x"), (0, 1), ("2", b"x")):
        items = dict(good)
        items[key] = value
        raises(DecodeError, credentials.decode, cbor.encode(items))
    for missing in (1, 2, 3, 4, 5):
        items = dict(good)
        del items[missing]
        raises(DecodeError, credentials.decode, cbor.encode(items))


def test_no_text_shows_the_secret():
    shown = repr(made()) + str(made())
    for wrong in (b"short", SECRET + b"x"):
        items = {1: 1, 2: wrong, 3: SALT, 4: NODE_ID, 5: GATEWAY_ID}
        shown += repr(raises(DecodeError, credentials.decode, cbor.encode(items)))
    for secret in (SECRET, SALT, b"short"):
        assert secret.hex() not in shown and repr(secret)[2:-1] not in shown


def test_wrong_bytes_raise_protocol_errors_only():
    assert_only_protocol_errors(credentials.decode, (credentials.encode(made()),
                                                     credentials.encode(made(b"12345678"))))
