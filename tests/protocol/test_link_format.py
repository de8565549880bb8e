from protocol import link_format, link_reader
from protocol.errors import DecodeError
from protocol.link_format import Link
from tests.portable import raises
from tests.protocol.wrong_input import assert_only_protocol_errors

RFC6690_5 = (
    b'</sensors>;ct=40;title="Sensor Index",</sensors/temp>;rt="temperature-c";if="sensor",'
    b'<http://www.example.com/sensors/t123>;anchor="/sensors/temp";rel="describedby",'
    b'</firmware/v2.1>;rt="firmware";sz=262144'
)
OMA_REGISTER = b'</>;rt="oma.lwm2m";ct="60 110 112",</1/0>,</3/0>,</3416>;ver=2.0,</3416/0>,</5>'


def test_the_examples_of_rfc_6690_are_read():
    assert link_format.decode(RFC6690_5) == [
        Link("/sensors", (("ct", "40"), ("title", "Sensor Index"))),
        Link("/sensors/temp", (("rt", "temperature-c"), ("if", "sensor"))),
        Link("http://www.example.com/sensors/t123",
             (("anchor", "/sensors/temp"), ("rel", "describedby"))),
        Link("/firmware/v2.1", (("rt", "firmware"), ("sz", "262144"))),
    ]  # fmt: skip


def test_a_registration_is_written_as_it_was_read():
    assert link_format.encode(link_format.decode(OMA_REGISTER)) == OMA_REGISTER


def test_separators_inside_quotes_are_part_of_the_value():
    links = [Link("/1", (("title", 'a,b;c>d<e="f"\\g'), ("obs", None))), Link("/2", ())]
    written = link_format.encode(links)
    assert written == b'</1>;title="a,b;c>d<e=\\"f\\"\\\\g";obs,</2>'
    assert link_format.decode(written) == links


def test_separators_inside_the_target_are_part_of_it():
    assert link_format.decode(b'</a,b;c="d">;ct=0') == [Link('/a,b;c="d"', (("ct", "0"),))]


def test_space_around_the_parts_is_forgiven():
    data = b' </1> ;\tver = 1.1 ; obs ,\r\n </2> ; ct = "0 40" ; t = a b '
    assert link_format.decode(data) == [
        Link("/1", (("ver", "1.1"), ("obs", None))), Link("/2", (("ct", "0 40"), ("t", "a b"))),
    ]  # fmt: skip


def test_text_beyond_ascii_survives_in_quotes():
    links = [Link("/1", (("title", "Quai Fran\u00e7ois"), ("n", "")))]
    assert link_format.decode(link_format.encode(links)) == links


def test_an_empty_list_has_no_links():
    assert link_format.decode(b"") == []
    assert link_format.decode(b" \n") == []
    assert link_format.encode([]) == b""


def test_what_is_no_link_format_is_refused():
    wrong = (b"<", b"</1", b"/1", b"</1>x", b"</1>;", b"</1>,", b",</1>", b"</1>,,</2>",
             b"</1></2>", b'</1>;a="x', b"</1>;a=", b'</1>;a="x"y', b'</1>;"a"=2', b"</1>;=2",
             b"</1>;a b=2", b'</1>;a=x"y"', b"</1>;a=\xff", b"<\xff>", b'</1>;a="\xff"',
             b"</1>;a\\")
    for data in wrong:
        raises(DecodeError, link_format.decode, data)


def test_more_links_or_attributes_than_the_limits_are_refused():
    most = [Link("/1", ())] * link_format.LINKS_MAX
    assert len(link_format.decode(link_format.encode(most))) == link_format.LINKS_MAX
    raises(DecodeError, link_format.decode, b"</1>," * link_format.LINKS_MAX + b"</1>")
    raises(DecodeError, link_format.decode, b"</1>" + b";a" * (link_reader.ATTRIBUTES_MAX + 1))


def test_random_bytes_raise_only_protocol_errors():
    assert_only_protocol_errors(link_format.decode, [RFC6690_5, OMA_REGISTER], 1000)
