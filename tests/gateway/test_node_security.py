"""The gateway and a node, each with its own OSCORE: keys that change, and gateways that do."""

import contextlib

from gateway.contexts import DONE
from gateway.operations import Operation
from gateway.rows import ContextState
from tests.gateway import coap_street
from tests.gateway.oscore_keys import credentials_of_node
from tests.gateway.service_street import running, until
from tests.gateway.street_node import ENDPOINT, StreetNode

LAMP = credentials_of_node(1)


def run(coroutine):
    return coap_street.run(coroutine)


@contextlib.asynccontextmanager
async def lamp_at(port):
    node = StreetNode(port, LAMP)
    await node.power_on()
    try:
        yield node
    finally:
        node.close()


def states(gateway):
    return [row.state.value for row in gateway.contexts.rows()]


def is_registered(gateway):
    return [view.state for view in gateway.nodes()] == ["registered"]


async def is_read(gateway):
    result = await gateway.operate(ENDPOINT, Operation("read", (3, 0, 0)))
    return result.values[0].value == "Faubourg"


def test_node_is_read_and_given_new_keys_without_a_visit(tmp_path):
    async def case():
        async with running(tmp_path, security="oscore") as (gateway, port):
            await gateway.contexts.add(ENDPOINT, LAMP)
            async with lamp_at(port) as node:
                await until(lambda: is_registered(gateway))
                assert await is_read(gateway)
                await gateway.contexts.rotate(ENDPOINT)
                await until(lambda: gateway.contexts.rotations[ENDPOINT] == DONE)
                # The gateway's question may overtake its answer to the Register.
                await until(lambda: node.keys.trial is None and node.registrations == 2)
                assert states(gateway) == ["current"]
                assert await is_read(gateway)
                node.reboot()
                await until(lambda: node.registrations == 3)
                assert await is_read(gateway)

    run(case())


def test_restored_gateway_takes_the_street_over_and_the_old_one_is_fenced_off(tmp_path):
    async def case():
        old, new = tmp_path / "old", tmp_path / "new"
        async with running(old, security="oscore") as (gateway, port):
            await gateway.contexts.add(ENDPOINT, LAMP)
            node = StreetNode(port, LAMP)
            await node.power_on()
            await until(lambda: is_registered(gateway))
            assert await is_read(gateway)
        # What a backup brings: the keys, and no idea of what was sent under them since.
        async with running(new, security="oscore", port=port) as (gateway, _):
            await gateway.contexts.add(ENDPOINT, LAMP, ContextState.RESTORED)
            node.reboot()
            await until(lambda: gateway.contexts.rotations.get(ENDPOINT) == DONE)
            await until(lambda: is_registered(gateway))
            assert await is_read(gateway)
            assert states(gateway) == ["current"]
        async with running(old, security="oscore", port=port) as (gateway, _):
            registrations, heard = node.registrations, len(node.received)
            node.reboot()
            await until(lambda: gateway.counters().get("security: not authentic"))
            # It believes to know the node, and is answered nothing.
            await until(lambda: len(node.received) > heard)
            await until(lambda: node.counters.get("security: not authentic", 0) > 0
                        or node.counters.get("security: unprotected response", 0) > 0)
            assert node.registrations == registrations
        async with running(new, security="oscore", port=port) as (gateway, _):
            node.reboot()
            await until(lambda: node.registrations > registrations)
            assert await is_read(gateway)
        node.close()

    run(case())
