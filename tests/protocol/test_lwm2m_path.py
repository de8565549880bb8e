from protocol import lwm2m_path
from protocol.errors import DecodeError
from tests.portable import raises
from tests.protocol.wrong_input import assert_only_protocol_errors


def test_paths_of_every_length_are_read_and_written():
    for text, path in (("/", ()), ("/3", (3,)), ("/3416/0/3", (3416, 0, 3)), ("/3/0/6/65534",
                       (3, 0, 6, 65534))):
        assert lwm2m_path.parse(text) == path
        assert lwm2m_path.render(path) == text


def test_what_is_no_path_is_refused():
    wrong = ("", "3/0", "//", "/3/", "/03", "/65535", "/-1", "/+1", "/1 ", "/a", "/1/2/3/4/5",
             "/1//2", "/\u0663", "/123456")
    for text in wrong:
        raises(DecodeError, lwm2m_path.parse, text)


def test_a_path_lies_below_its_own_prefixes_only():
    assert lwm2m_path.is_prefix((), (3, 0, 1))
    assert lwm2m_path.is_prefix((3, 0), (3, 0, 1))
    assert lwm2m_path.is_prefix((3, 0), (3, 0))
    assert not lwm2m_path.is_prefix((3, 0), (3,))
    assert not lwm2m_path.is_prefix((3, 0), (3, 1, 0))


def test_random_texts_raise_only_protocol_errors():
    def decode(data):
        lwm2m_path.parse("".join([chr(byte & 127) for byte in data]))

    assert_only_protocol_errors(decode, [b"/3416/0/3/65534"])
