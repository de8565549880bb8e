"""The same clients at mosquitto and at the broker in memory; what each of them sees."""

import asyncio
from contextlib import AsyncExitStack

from gateway.settings import MqttUplink as MqttSettings
from gateway.uplinks import mqtt_client, topics
from gateway.uplinks.mqtt_connection import MqttError, Publication, SubscriptionRefused
from simulator import virtual_time
from simulator.broker_host import BrokerHost
from simulator.sim_broker import Broker, Durability
from tests.gateway import mosquitto
from tests.gateway.cable import Cable

LIMIT_S = 60
SESSION_S = 3600


class Client:
    """A client by name; `seen` is what came to it, as (packet id, topic, payload)."""

    def __init__(self, world, name):
        self._world = world
        self.name = name
        self.connection = None
        self.unacknowledged = []
        self.seen = []

    async def connect(self, expiry_s=SESSION_S, receive_maximum=20, with_will=False):
        """Connect; the will goes to the topic of a gateway's state."""
        will = Publication(topics.of_gateway(self.name), b"gone") if with_will else None
        settings = MqttSettings(url=await self._world.url(self.name),
                                session_expiry_s=expiry_s, keepalive_s=60)
        self.connection = await self._world.connect(settings, self.name, will, receive_maximum)

    async def publish(self, topic, payload=b"x", **properties):
        """Return the PUBACK's reason code, or "lost"."""
        try:
            async with asyncio.timeout(LIMIT_S):
                return await self.connection.publish(Publication(topic, payload, **properties))
        except MqttError:
            return "lost"

    async def subscribe(self, topic_filter):
        """Return "granted" or "refused"."""
        try:
            await self.connection.subscribe(topic_filter)
        except SubscriptionRefused:
            return "refused"
        return "granted"

    async def take(self):
        """Return what has come since the last call; all that was sent before now is there."""
        # The SUBACK comes behind all that the broker has sent.
        await self.connection.subscribe("barrier")
        taken = []
        while not self.connection.deliveries.empty():
            taken.append(self.connection.deliveries.get_nowait())
        self.unacknowledged += taken
        found = [(each.mid, each.topic, each.payload) for each in taken]
        self.seen += found
        return found

    def acknowledge(self, *indices):
        """Acknowledge what was taken, by its place among what was not acknowledged; all: none."""
        chosen = [self.unacknowledged[index] for index in indices] or self.unacknowledged[:]
        for delivery in chosen:
            self.connection.acknowledge(delivery)
            self.unacknowledged.remove(delivery)

    async def close(self):
        """End in order."""
        await self.connection.close()
        await self._ended()

    async def drop(self):
        """Break the connection."""
        await self._world.drop(self.name)
        await asyncio.wait([self.connection.lost], timeout=LIMIT_S)
        await self._ended()

    async def lost(self):
        """Return whether the broker has ended the connection."""
        await asyncio.wait([self.connection.lost], timeout=LIMIT_S)
        return self.connection.lost.done()

    async def _ended(self):
        self.connection = None
        self.unacknowledged = []
        await self._world.settle()


class World:
    """Clients of one broker."""

    def __init__(self):
        self._clients = {}

    def client(self, name):
        """Return the client of that name; it is not connected yet."""
        return self._clients.setdefault(name, Client(self, name))

    async def close(self):
        """End every connection."""
        for client in self._clients.values():
            if client.connection is not None:
                await client.connection.close()
        await self.settle()

    async def settle(self):
        """Return when the broker has seen what happened to connections before now."""
        prober = Client(self, "prober")
        await prober.connect(0)
        await prober.subscribe("barrier")
        await prober.connection.close()


class Mosquitto(World):
    """The real one; each client has a cable of its own, so that it can be cut."""

    def __init__(self, broker, stack):
        super().__init__()
        self._broker = broker
        self._stack = stack
        self._cables = {}
        self.connect = mqtt_client.connect

    async def url(self, name):
        """Return where a client connects to."""
        if name not in self._cables:
            self._cables[name] = await self._stack.enter_async_context(Cable(self._broker))
        return self._cables[name].url

    async def drop(self, name):
        """Cut a client's cable."""
        self._cables[name].cut()

    async def restart(self, is_crash):
        """Let it die, or end in order, and start it again."""
        if is_crash:
            self._broker.kill()
        else:
            self._broker.stop()
        self._broker.start()


class Memory(World):
    """The one in memory."""

    def __init__(self, forbidden, queue_length_max):
        super().__init__()
        self.broker = Broker(Durability.SNAPSHOTS, queue_length_max)
        self.broker.refuse = lambda client_id, each: 0x87 if each == forbidden else 0
        self._host = BrokerHost(asyncio.get_running_loop(), lambda happening: None, self.broker)
        self.connect = self._host.connect

    async def url(self, name):
        """Return any URL."""
        return "mqtt://memory"

    async def drop(self, name):
        """Cut a client's connection."""
        self._host.cut(client_id=name)

    async def restart(self, is_crash):
        """Let it die, or end in order, and start it again."""
        self._host.down(is_crash)
        await asyncio.sleep(1)
        self._host.up()


def at_both(folder, script, forbidden="", queue_length_max=1000):
    """Return what `script(world)` returns at mosquitto, and at the broker in memory.

    Nobody may publish to the topic `forbidden`.
    """

    async def ended(world):
        seen = await script(world)
        await world.close()
        return seen

    async def at_mosquitto():
        async with AsyncExitStack() as stack:
            return await ended(Mosquitto(broker, stack))

    async def in_memory():
        return await ended(Memory(forbidden, queue_length_max))

    line = f"max_queued_messages {queue_length_max}"
    broker = mosquitto.Broker(folder / "mosquitto", line)
    if forbidden:
        broker.allow("topic readwrite #", f"topic deny {forbidden}")
    with broker:
        real = asyncio.run(at_mosquitto())
    return real, virtual_time.run(in_memory)
