"""Acknowledgements and resets that somebody forges: nothing protects those themselves."""

import asyncio

from gateway.operations import Operation
from protocol import coap_message as coap
from tests.gateway.test_coap_security import LAMP, PACK, run, street


def test_forged_answers_end_no_request_and_the_true_one_is_heard(tmp_path):
    async def case():
        async with street(tmp_path, ("lamp", LAMP)) as (gateway, _, lamp):
            await lamp.register()
            lamp.answer(await lamp.asked_for("/3/0"), coap.NOT_FOUND)
            asking = asyncio.ensure_future(
                gateway.operate("lamp", Operation("read", (3303, 0, 5700), timeout_s=60)))
            asked = await lamp.asked_for("/3303/0/5700")
            mid, token = asked.outer.mid, asked.outer.token
            garbage = [(coap.OSCORE, b"")]
            for forged in (coap.Message(coap.RST, coap.EMPTY, mid),
                           coap.Message(coap.ACK, coap.CHANGED, mid, token, garbage, bytes(20)),
                           coap.Message(coap.ACK, coap.EMPTY, mid)):
                lamp.send_raw(coap.encode(forged))
            lamp.answer(asked, coap.CONTENT, PACK, 112)
            assert (await asking).values[0].value == 21
            assert gateway.counters()["coap: resets ignored"] == 1

    run(case())
