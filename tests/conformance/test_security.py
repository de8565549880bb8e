"""Security, case 405, against the node and against the gateway."""

import shutil

from aiocoap import CON, NON
from aiocoap.numbers import codes

from gateway.operations import Operation
from protocol import coap_message as coap
from tests.conformance.street import TEXT
from tests.gateway.coap_street import RawPeer, run
from tests.gateway.service_street import Fixed

LEVEL = "3416/0/4"


def test_1_1_int_405_oscore(street):
    """All that the node says is protected; what is recorded or open is not obeyed, also right
    after a reset; no number is used twice.

    Deviation: after a reset by RFC 8613 Appendix B.1 with Echo (RFC 9175), not by Appendix B.2;
    the keys come with a node's provisioning, not from a bootstrap server.
    """
    wire = street.wire
    street.write(LEVEL, "70")
    recorded = wire.from_server[-1].datagram
    street.write(LEVEL, "60")
    street.run(street.node.close())
    assert street.start_node().opt.uri_path == ("rd",)
    said = len(wire.from_node)
    wire.say(with_other_mid(wire, recorded))
    assert street.text(LEVEL) == "60"
    assert set(answers(wire, said)[:-1]) == {codes.UNAUTHORIZED}
    said = len(wire.from_node)
    for datagram in (recorded, opened(street, CON), opened(street, NON)):
        wire.say(with_other_mid(wire, datagram))
        assert street.text(LEVEL) == "60"
    assert answers(wire, said) == [codes.CONTENT] * 3
    assert wire.unprotected == []
    numbers = [each.number for each in distinct(wire.from_node) if each.number is not None]
    assert len(numbers) > 3 and numbers == sorted(set(numbers))


def opened(street, type):
    """Return a Write to the node as somebody without keys would send it."""
    message = street.message(codes.PUT, LEVEL, b"70", content_format=TEXT)
    message.mtype, message.mid, message.token = type, 0, b"open"
    return message.encode()


def with_other_mid(wire, datagram):
    return datagram[:2] + wire.free_mid().to_bytes(2, "big") + datagram[4:]


def answers(wire, since):
    """Return the codes of the node's responses, repeated ones once."""
    return [each.code for each in distinct(wire.from_node[since:]) if each.code.is_response()]


def distinct(messages):
    return {each.datagram: each for each in messages}.values()


def test_1_1_int_405_gateway_speaks_oscore(gateway_street):
    """Who has no keys of a node is refused; what bears a number that was used is acted on under
    another one alone; after a power cut each node is asked to show that it is there.

    Deviation: after a power cut Appendix B.1 with Echo, not Appendix B.2, as on the node.
    """
    links, objects = b"</1/0>,</3416>;ver=2.0,</3416/0>", {("3416", "0", "4"): Fixed(b"60")}

    async def case():
        async with gateway_street.with_client(objects) as (gateway, node):
            assert (await node.register("urn:x:1")).code == codes.BAD_REQUEST
            assert (await node.register(links=links)).code == codes.CREATED
            result = await gateway.operate("n", Operation("read", (3416, 0, 4)))
            assert result.values[0].value == 60
            gateway_street.repeat_number()
            assert (await node.update()).code == codes.CHANGED
            assert gateway.counters()["security: replay"] == 1
            stranger = await RawPeer.connect(gateway.addresses()[0][1])
            options = [(coap.URI_PATH, b"rd"), (coap.URI_QUERY, b"ep=n")]
            register = coap.encode(coap.Message(coap.CON, coap.POST, 1, b"", options, links))
            assert coap.decode(await stranger.ask(register)).code == coap.UNAUTHORIZED
            stranger.close()
            after = gateway_street.folder / "after"
            shutil.copytree(gateway_street.folder / "data", after / "data",
                            ignore=shutil.ignore_patterns("*.sock"))
        async with (
            gateway_street.running(after) as (gateway, port),
            gateway_street.client(port, objects) as node,
        ):
            await node.register(links=links)
            assert gateway.node("n").state == "registered"
            assert gateway.counters()["security: challenges"] == 1

    run(case())
