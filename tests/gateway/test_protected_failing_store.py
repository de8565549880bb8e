"""A store that fails under OSCORE: what was not kept is taken when it comes again."""

import cbor2

from protocol import coap_message as coap
from simulator.disk import Disk, Trouble
from tests.gateway.protected_node import LINK_FORMAT, LINKS, SENML_CBOR
from tests.gateway.service_street import until
from tests.gateway.test_coap_security import LAMP, PACK, counted, run, street


def test_notification_that_could_not_be_stored_is_taken_when_it_is_repeated(tmp_path):
    disk = Disk("notified")

    async def case():
        async with street(tmp_path, ("lamp", LAMP), vfs=disk.name) as (gateway, _, lamp):
            await lamp.register(links=b"</3303/0>")
            asked = await lamp.asked_for("/3303/0")
            lamp.answer(asked, coap.CONTENT, PACK, 112, [(coap.OBSERVE, b"")])
            while not await gateway.store.readings("lamp", 9):
                pass
            disk.fail("write", Trouble.FULL)
            datagram = lamp.notify(asked, cbor2.dumps([{-2: "/3303/0/", 0: "5700", 2: 22}]))
            await until(lambda: gateway.counters().get("observations: not stored"))
            assert await lamp.is_quiet()
            disk.heal()
            lamp.send_raw(datagram)
            acknowledged = await lamp.empties.get()
            assert acknowledged.mid == int.from_bytes(datagram[2:4], "big")
            assert len(await gateway.store.readings("lamp", 9)) == 2
            # Once it is kept, it is a replay.
            lamp.send_raw(datagram[:2] + b"\x01\x01" + datagram[4:])
            await until(lambda: counted(gateway, "responses replayed or unusable"))
            assert len(await gateway.store.readings("lamp", 9)) == 2

    try:
        run(case())
    finally:
        disk.close()


def test_registration_counts_unanswered_and_what_comes_again_is_taken_once(tmp_path):
    disk = Disk("registered")

    async def case():
        async with street(tmp_path, ("lamp", LAMP), vfs=disk.name) as (gateway, _, lamp):
            disk.fail("write", Trouble.FULL)
            lamp.request(coap.POST, "/rd", LINKS, ("lt=60", "lwm2m=1.1", "b=U"), LINK_FORMAT)
            await until(lambda: counted(gateway, "replies withheld") == 1)
            assert gateway.node("lamp").state == "registered"
            lamp.request(coap.POST, "/dp", PACK, content_format=SENML_CBOR)
            await until(lambda: counted(gateway, "replies withheld") == 2)
            assert await lamp.is_quiet()
            disk.heal()
            assert (await lamp.register()).code == coap.CREATED
            assert (await lamp.send(PACK)).code == coap.CHANGED
            assert len(await gateway.store.readings("lamp", 9)) == 1
            assert [row.endpoint for row in await gateway.store.nodes()] == ["lamp"]

    try:
        run(case())
    finally:
        disk.close()
