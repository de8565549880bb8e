"""What meets a bug begins anew; a dead uplink would be noticed only when its city complains."""

import asyncio

from gateway.composition import UplinkBuilder
from gateway.uplinks.mqtt_connection import MqttError
from tests.gateway.service_street import running

UPLINK = '[uplink.city]\ntype = "mqtt"\nurl = "mqtt://127.0.0.1:1"\n'


def test_uplink_that_meets_a_bug_begins_anew_and_is_counted(tmp_path):
    async def main():
        tries, is_there_again = [], asyncio.Event()

        async def connect(*_):
            tries.append(len(tries))
            if len(tries) == 1:
                raise ZeroDivisionError("nobody foresaw this")
            is_there_again.set()
            raise MqttError("no broker here")

        async with running(tmp_path, text=UPLINK, uplinks=UplinkBuilder(connect)) as (gateway, _):
            async with asyncio.timeout(60):
                await is_there_again.wait()
            assert gateway.counters()["bugs: uplink city"] == 1

    asyncio.run(main())
