"""When the uplink publishes: its window, its repeats, its rests, on a clock moved by hand."""

import asyncio

from gateway.settings import MqttUplink as MqttSettings
from gateway.store import InlineExecutor
from gateway.uplinks.mqtt_client import PACKET_LENGTH_DEFAULT
from gateway.uplinks.mqtt_readings import NO_SUBSCRIBERS, SUCCESS, ReadingSender
from gateway.uplinks.pump import Pump
from gateway.uplinks.troubles import REMINDER_MS, Troubles
from tests.gateway.open_store import run
from tests.gateway.uplink_rows import TIME_MS, row

ALIVE = b'{"acks": [{"node": "somebody else", "id": "1:1"}]}'


class HandClock:
    """A clock that stands `now_s` after its beginning."""

    now_s = 0

    def monotonic_s(self):
        return 1000 + self.now_s


class Line:
    """A connection to a broker that answers every message with the reason `answer`, at once."""

    receive_maximum = 20
    packet_length_max = PACKET_LENGTH_DEFAULT

    def __init__(self, answer=SUCCESS):
        self.answer = answer
        self.published = []

    def publish(self, publication):
        self.published.append(publication)
        future = asyncio.get_running_loop().create_future()
        future.set_result(self.answer)
        return future


def moments(tmp_path, line, nodes, until_s, each_second=lambda sender: None, **settings):
    """Return for each message the second of its publication; `nodes` have one reading each."""

    async def scenario(store):
        await store.commit_pack([row(1, f"lamp{index}") for index in range(nodes)], urgent=True)
        clock, pump = HandClock(), Pump("city", store, lambda: TIME_MS)
        await pump.open()
        options = {"url": "mqtt://broker", **settings}
        sender = ReadingSender(MqttSettings(**options), "gw", pump, clock, lambda: 1.0)
        sender.begin(line)
        task = asyncio.ensure_future(sender.run())
        seconds = []
        for clock.now_s in range(until_s):
            each_second(sender)
            pump.wake.set()
            for _ in range(20):
                await asyncio.sleep(0)
            seconds += [clock.now_s] * (len(line.published) - len(seconds))
        task.cancel()
        await asyncio.wait([task])
        return seconds

    return run(tmp_path / "store.db", scenario, InlineExecutor)


def test_pack_goes_again_after_twice_the_time_while_the_consumer_acknowledges_others(tmp_path):
    def alive(sender):
        sender.acknowledged(ALIVE)

    options = {"ack": "application", "ack_timeout_s": 30}
    assert moments(tmp_path, Line(), 1, 250, alive, **options) == [0, 30, 90, 210]


def test_consumer_that_says_nothing_is_asked_ever_more_rarely(tmp_path):
    options = {"ack": "application", "ack_timeout_s": 5, "window": 4}
    seconds = moments(tmp_path, Line(), 9, 200, **options)
    assert seconds[:4] == [0] * 4
    # One pack each, and never more than a minute apart.
    assert seconds[4:] == [5, 10, 20, 40, 80, 140]


def test_acknowledgement_of_what_the_last_connection_carried_counts_before_anything_is_sent(
    tmp_path,
):
    # On a line that breaks at once after each connect nothing else would ever count.
    async def scenario(store):
        await store.commit_pack([row(1, "lamp")], urgent=True)
        pump, line = Pump("city", store, lambda: TIME_MS), Line()
        await pump.open()
        settings = MqttSettings(url="mqtt://broker", ack="application")
        sender = ReadingSender(settings, "gw", pump, HandClock(), lambda: 1.0)
        sender.begin(line)
        task = asyncio.ensure_future(sender.run())
        while not line.published:
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        sender.begin(Line())
        sender.acknowledged(b'{"acks": [{"node": "lamp", "id": "1:1"}]}')
        return pump.counters["readings delivered"], pump.is_behind

    assert run(tmp_path / "store.db", scenario, InlineExecutor) == (1, False)


def test_window_counts_what_the_consumer_has_not_acknowledged_not_the_broker_s_maximum(tmp_path):
    waiting = moments(tmp_path, Line(), 60, 2, ack="application", window=50)
    assert len(waiting) == 50
    (tmp_path / "broker").mkdir()
    assert len(moments(tmp_path / "broker", Line(), 60, 5, ack="broker", window=50)) == 60


def test_packs_that_are_refused_together_are_one_refusal(tmp_path):
    seconds = moments(tmp_path, Line(NO_SUBSCRIBERS), 10, 20)
    assert seconds == [*[0] * 10, 1, 3, 7, 15]


def test_pace_is_what_the_settings_allow(tmp_path):
    seconds = moments(tmp_path, Line(), 30, 6, messages_per_s=5, window=10)
    assert [seconds.count(second) for second in range(5)] == [10, 5, 5, 5, 5]


def told(*steps):
    """Return what `Troubles` notes while it goes through (time, call, arguments...)."""
    noted, now = [], [0]
    troubles = Troubles(lambda kind, detail: noted.append((now[0], kind, detail)), lambda: now[0])
    for now[0], call, *arguments in steps:
        getattr(troubles, call)(*arguments)
    return noted, troubles.text


def test_trouble_is_told_at_first_then_hourly_then_that_it_is_over():
    every_minute = [(minute * 60_000, "begin", "lost", "no broker") for minute in range(150)]
    noted, text = told(*every_minute, (9_000_000, "end"))
    assert [each[:2] for each in noted] == [
        (0, "lost"), (REMINDER_MS, "lost"), (2 * REMINDER_MS, "lost"),
        (9_000_000, "uplink_recovered"),
    ]  # fmt: skip
    assert text == "" and "9000 s" in noted[-1][2]


def test_trouble_that_comes_and_goes_all_the_time_is_told_once_an_hour():
    steps = []
    for minute in range(90):
        steps += [(minute * 60_000, "begin", "lost", "no broker"), (minute * 60_000 + 1, "end")]
    noted, _ = told(*steps)
    assert [each[1] for each in noted] == ["lost", "uplink_recovered"] * 2


def test_trouble_of_several_nodes_is_over_with_the_last_of_them():
    steps = [(9, "begin", "refused", "no", f"lamp{node}") for node in (2, 1, 3)]
    noted, text = told(*steps, (9, "end", "lamp1"), (9, "end", "other"))
    assert len(noted) == 1 and text == "no (lamp2 and 1 more)"
    noted, text = told(*steps, *((9, "end", f"lamp{node}") for node in (1, 2, 3)))
    assert noted[-1][1] == "uplink_recovered" and text == ""
