"""The broker in memory does what mosquitto does, seen from the clients' side."""

from random import Random

import pytest

from tests.full_size import is_full_size
from tests.simulator.two_brokers import SESSION_S, at_both

FILTERS = ("a/b", "a/+", "+/b", "a/#", "#", "+", "+/+/c", "a/+/c", "/+", "a/b/#")
TOPICS = ("a/b", "a", "a/", "a/b/c", "x/b", "/b", "a//c", "b")


def assert_alike(folder, script, **arguments):
    """Run `script` at both brokers, assert that they agree, and return what was seen."""
    real, ours = at_both(folder, script, **arguments)
    assert ours == real
    return real


def test_reason_says_whether_anybody_is_subscribed(tmp_path):
    async def script(world):
        one, other = world.client("one"), world.client("other")
        await one.connect()
        await other.connect()
        seen = [await one.publish("a/b")]
        seen.append(await other.subscribe("a/+"))
        seen.append(await one.publish("a/b", b"1", user_properties=(("id", "7:1-2"),)))
        seen.append(await other.take())
        seen.append(await one.publish("a/no"))
        seen.append(await other.take())
        return seen

    seen = assert_alike(tmp_path, script, forbidden="a/no")
    assert seen[0] == 0x10 and seen[2] == 0 and seen[4] == 0x87


@pytest.mark.parametrize("topic_filter", FILTERS)
def test_filters_match_the_same_topics(tmp_path, topic_filter):
    async def script(world):
        one, other = world.client("one"), world.client("other")
        await one.connect()
        await other.connect()
        await other.subscribe(topic_filter)
        return [await one.publish(topic) for topic in TOPICS]

    assert_alike(tmp_path, script)


def test_messages_wait_for_a_client_who_is_away_and_come_in_their_order(tmp_path):
    async def script(world):
        one, other = world.client("one"), world.client("other")
        await one.connect()
        await other.connect()
        await other.subscribe("a")
        await other.close()
        seen = [await one.publish("a", b"%d" % number) for number in range(5)]
        await other.connect()
        seen.append(await other.take())
        other.acknowledge()
        seen.append(await other.take())
        return seen

    seen = assert_alike(tmp_path, script)
    assert [payload for _, _, payload in seen[5]] == [b"0", b"1", b"2", b"3", b"4"]


def test_session_without_expiry_ends_with_its_connection(tmp_path):
    async def script(world):
        one, other = world.client("one"), world.client("other")
        await one.connect()
        await other.connect(expiry_s=0)
        await other.subscribe("a")
        await other.close()
        seen = [await one.publish("a")]
        await other.connect(expiry_s=0)
        seen.append(await other.take())
        return seen

    assert assert_alike(tmp_path, script) == [0x10, []]


@pytest.mark.parametrize("is_dropped", [False, True])
def test_what_was_not_acknowledged_comes_again_first_under_its_packet_id(tmp_path, is_dropped):
    async def script(world):
        one, other = world.client("one"), world.client("other")
        await one.connect()
        await other.connect()
        await other.subscribe("a")
        for number in range(4):
            await one.publish("a", b"%d" % number)
        seen = [await other.take()]
        other.acknowledge(1)
        await other.take()
        await (other.drop() if is_dropped else other.close())
        await one.publish("a", b"later")
        await other.connect()
        seen.append(await other.take())
        other.acknowledge(2)
        await other.take()
        await other.drop()
        await other.connect()
        seen.append(await other.take())
        return seen

    seen = assert_alike(tmp_path, script)
    assert [payload for _, _, payload in seen[1]] == [b"0", b"2", b"3", b"later"]
    assert [payload for _, _, payload in seen[2]] == [b"0", b"2", b"later"]


@pytest.mark.parametrize("maximum", [1, 3, 50])
def test_no_more_is_under_way_than_the_client_s_receive_maximum(tmp_path, maximum):
    async def script(world):
        one, other = world.client("one"), world.client("other")
        await one.connect()
        await other.connect(receive_maximum=maximum)
        await other.subscribe("a")
        for number in range(30):
            await one.publish("a", b"%d" % number)
        seen = [await other.take()]
        other.acknowledge(0)
        seen.append(await other.take())
        other.acknowledge()
        seen.append(await other.take())
        return seen

    seen = assert_alike(tmp_path, script)
    assert len(seen[0]) == min(maximum, 30)


def test_queue_that_is_full_takes_nothing_more(tmp_path):
    async def script(world):
        one, other = world.client("one"), world.client("other")
        await one.connect()
        await other.connect(receive_maximum=2)
        await other.subscribe("a")
        seen = [await one.publish("a", b"%d" % number) for number in range(8)]
        await other.close()
        seen += [await one.publish("a", b"away")]
        await other.connect(receive_maximum=2)
        for _ in range(6):
            seen.append(await other.take())
            other.acknowledge()
        return seen

    assert_alike(tmp_path, script, queue_length_max=3)


@pytest.mark.parametrize("how", ["close", "drop", "connect"])
def test_will_is_published_when_a_client_ends_without_a_word(tmp_path, how):
    async def script(world):
        one, watcher = world.client("one"), world.client("watcher")
        await watcher.connect()
        await watcher.subscribe("faubourg/v1/+/status")
        await one.connect(with_will=True)
        first = one.connection
        await getattr(one, how)()
        seen = [first.lost.done() or await one.lost()] if how != "connect" else []
        if how == "connect":
            await world.settle()
            seen.append(first.lost.done())
        seen.append([payload for _, _, payload in await watcher.take()])
        return seen

    seen = assert_alike(tmp_path, script)
    assert seen == [True, [b"gone"] if how == "drop" else []]


@pytest.mark.parametrize("is_crash", [False, True])
def test_restart_leaves_what_was_on_the_disk(tmp_path, is_crash):
    async def script(world):
        one, other = world.client("one"), world.client("other")
        await one.connect()
        await other.connect()
        await other.subscribe("a")
        for number in range(3):
            await one.publish("a", b"%d" % number)
        await other.take()
        other.acknowledge(0)
        await other.take()
        await world.restart(is_crash)
        seen = [await one.lost(), await other.lost()]
        other.unacknowledged = []
        await other.connect()
        seen.append(await other.take())
        await one.connect()
        seen.append(await one.publish("a", b"later"))
        seen.append([payload for _, _, payload in await other.take()])
        return seen

    seen = assert_alike(tmp_path, script)
    assert (seen[3] == 0x10) == is_crash


def test_restored_session_takes_nothing_until_its_client_is_back(tmp_path):
    async def script(world):
        one, other = world.client("one"), world.client("other")
        await one.connect()
        await other.connect()
        await other.subscribe("a")
        await other.close()
        await one.publish("a", b"before")
        await one.close()
        await world.restart(is_crash=False)
        await one.connect()
        seen = [await one.publish("a", b"early"), await one.publish("b", b"early")]
        await other.connect()
        await one.publish("a", b"late")
        return [*seen, await other.take()]

    seen = assert_alike(tmp_path, script)
    assert seen[:2] == [0, 0x10] and [each for _, _, each in seen[2]] == [b"before", b"late"]


class Drawn:
    """Draws what three clients do, so that each step has a meaning."""

    def __init__(self, world, seed):
        self._random = Random(seed)
        self._world = world
        self._clients = [world.client(name) for name in ("one", "two", "three")]

    async def step(self):
        """Do something; return what was seen of it."""
        random = self._random
        client = random.choice(self._clients)
        if random.random() < 0.02:
            await self._world.restart(is_crash=random.random() < 0.5)
            for each in self._clients:
                if each.connection is not None:
                    assert await each.lost()
                    each.connection, each.unacknowledged = None, []
            return "restarted"
        if client.connection is None:
            maximum = random.randrange(1, 5)
            await client.connect(SESSION_S, maximum, with_will=random.random() < 0.5)
            return "connect", client.name, maximum, await client.take()
        name = random.choice(("publish",) * 8 + ("subscribe", "take", "acknowledge") * 3
                             + ("close", "drop"))
        return name, client.name, *await getattr(self, name)(client)

    async def publish(self, client):
        topic = self._random.choice(("a/b", "a/c", "x/b", "faubourg/v1/one/status"))
        payload = self._random.randbytes(3)
        return topic, payload, await client.publish(topic, payload)

    async def subscribe(self, client):
        topic_filter = self._random.choice(("a/b", "+/b", "a/+", "faubourg/#"))
        return topic_filter, await client.subscribe(topic_filter)

    async def take(self, client):
        return [await client.take()]

    async def acknowledge(self, client):
        await client.take()
        chosen = self._random.random()
        if client.unacknowledged:
            client.acknowledge(int(chosen * len(client.unacknowledged)))
        return chosen, await client.take()

    async def close(self, client):
        await client.close()
        return ()

    async def drop(self, client):
        await client.drop()
        return ()


SEEDS = range(40 if is_full_size() else 3)


@pytest.mark.parametrize("seed", SEEDS)
def test_drawn_clients_see_the_same(tmp_path, seed):
    async def script(world):
        drawn = Drawn(world, f"brokers/{seed}")
        return [await drawn.step() for _ in range(200)]

    real, ours = at_both(tmp_path, script, queue_length_max=4)
    for number, (theirs, mine) in enumerate(zip(real, ours, strict=True)):
        assert mine == theirs, (number, real[max(0, number - 25):number])
