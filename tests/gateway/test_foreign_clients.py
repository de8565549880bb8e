"""What clients that are not ours send, as the wire showed it, and what the gateway makes of it."""

import pytest
from aiocoap import CREATED, Message, resource
from click.testing import CliRunner

from gateway import coap_content, registration
from gateway.cli import main
from gateway.names import parse_value
from gateway.observations import paths_to_observe
from gateway.operations import Operation
from protocol.number import Decimal
from tests.gateway.coap_street import run
from tests.gateway.service_street import Fixed, client, running
from tests.gateway.test_sessions import new_sessions, parsed

VERSION_1_0 = "&lwm2m=1.0&b=U"


async def operate(gateway, kind, path, **fields):
    return await gateway.operate("n", Operation(kind, path, **fields))


def test_coap_node_0_2_registers_with_version_1_0_0_and_a_flag_in_the_root_link():
    queries = ("ep=coap-node-1", "lt=60", "lwm2m=1.0.0", "mac=02:fc:00:00:00:01")
    known = parsed(*queries, payload=b"</>;ct=11543;hb,</3/0>,</4/0>,</3303/0>,</3304/0>")
    assert (known.version, known.lifetime_s, known.binding) == ("1.0", 60, "U")
    assert known.objects.instances == {(3, 0), (4, 0), (3303, 0), (3304, 0)}


@pytest.mark.parametrize("version", ["1.3", "2.0", "1.0.x", "1.0.0.0", "1..0", "1.3.0"])
def test_other_versions_are_refused(version):
    with pytest.raises(registration.Refused) as refused:
        parsed("ep=a", "lwm2m=" + version)
    assert refused.value.code == "4.12"


def test_wakaama_1_1_lists_one_unquoted_format_and_no_versions():
    links = b'</>;rt="oma.lwm2m";ct=110,</1>;ver=1.1,</1/0>,</2/0>,</3/0>,</31024>;ver=1.0,'
    known = parsed("lwm2m=1.1", "ep=waka11", "b=U", "lt=60", payload=links + b"</31024/10>")
    assert coap_content.formats_to_accept(known, (3, 0)) == (110, None)
    assert known.objects.instances == {(1, 0), (2, 0), (3, 0), (31024, 10)}


def test_lwm2m_node_lib_1_4_answers_only_text_and_is_read_in_text(tmp_path):
    async def case():
        served = Fixed(b"150.5", None, only_accept=(0,))
        async with (
            running(tmp_path) as (gateway, port),
            client(port, {("3303", "0", "5700"): served}) as node,
        ):
            await node.register(parameters=VERSION_1_0, links=b"</3303/0>,</3/0>,</3311/0>")
            result = await operate(gateway, "read", (3303, 0, 5700))
            assert [value.value for value in result.values] == [Decimal(1505, -1)]

    run(case())


def test_wakaama_1_0_shows_a_value_of_unknown_type_in_text(tmp_path):
    async def case():
        async with (
            running(tmp_path) as (gateway, port),
            client(port, {("31024", "10", "1"): Fixed(b"77", 0)}) as node,
        ):
            await node.register(parameters=VERSION_1_0, links=b"</3/0>,</31024/10>")
            result = await operate(gateway, "read", (31024, 10, 1))
            assert [value.value for value in result.values] == ["77"]

    run(case())


def test_tlv_of_an_ipso_object_without_definition_is_read_by_its_reusable_resources():
    # Relative humidity 40.5, "%RH" and an on/off of 1, as 3304, 3342 or 3311 carry them.
    tlv = bytes.fromhex("e41644 42220000 e3 1645 255248 e1 16da 01")
    assert coap_content.decode(11542, (3304, 0), tlv) == [
        ((3304, 0, 5700), Decimal(405, -1)),
        ((3304, 0, 5701), "%RH"),
        ((3304, 0, 5850), True),
    ]


def test_what_an_operator_writes_to_a_resource_of_unknown_type_goes_as_text():
    known = parsed("ep=anjay", "lwm2m=1.1", "b=U", payload=b"</1/1>,</3/0>,</33605/0>")
    assert coap_content.formats_to_write(known, (33605, 0, 1), "5")[0] == 0
    assert coap_content.formats_to_write(known, (3, 0, 14), "+01:00")[0] == 112
    assert parse_value((3311, 0, 5850), "true") is True


def test_anjay_3_14_creates_an_instance_without_values_from_an_empty_tlv_only(tmp_path):
    class Object(resource.Resource):
        async def render_post(self, request):
            asked.append((request.opt.content_format, request.payload))
            return Message(code=CREATED, location_path=("33605", "0"))

    asked = []

    async def case():
        async with (
            running(tmp_path) as (gateway, port),
            client(port, {("33605",): Object()}) as node,
        ):
            await node.register(links=b"</33605>")
            result = await operate(gateway, "create", (33605,))
            assert (result.code, result.location) == ("2.01", ("33605", "0"))
            assert asked == [(11542, b"")]

    run(case())


def test_several_paths_of_a_client_of_1_0_are_read_one_by_one(tmp_path):
    async def case():
        objects = {("3", "0", "0"): Fixed(b"Open Mobile Alliance"), ("3", "0", "9"): Fixed(b"87")}
        async with running(tmp_path) as (gateway, port), client(port, objects) as node:
            await node.register(parameters=VERSION_1_0, links=b"</3/0>")
            paths = ((3, 0, 0), (3, 0, 9))
            result = await operate(gateway, "read-composite", (), paths=paths)
            assert [each.value for each in result.values] == ["Open Mobile Alliance", 87]
            refused = await operate(gateway, "read-composite", (), paths=(*paths, (3, 0, 1)))
            assert refused.code == "4.04"

    run(case())


def test_ipso_objects_are_observed_without_a_definition():
    links = b"</3/0>,</3304/0>,</3311/0>,</3347/0>,</33605/0>,</10/0>"
    session = new_sessions().register(parsed("ep=a", payload=links), "peer", 0)
    assert paths_to_observe(session) == [(3304, 0), (3311, 0), (3347, 0)]


def test_a_negative_number_is_a_value_and_no_option_of_the_command_line(tmp_path):
    socket = str(tmp_path / "none.sock")
    result = CliRunner().invoke(main, ["--socket", socket, "write", "n", "/31024/10/3", "-2.5"])
    assert result.exit_code == 1 and "No such option" not in result.output
