"""The loop around a node: a scripted node, and time that passes by waiting."""

from firmware.lwm2m_client import Stopped
from firmware.runner import ERRORS_IN_A_ROW_MAX, WAIT_MS_MAX, Runner
from tests.portable import raises

PEER = ("gateway", 5683)


class Street:
    """Uptime, transport, watchdog and power in one: waiting and sleeping let the time pass."""

    def __init__(self):
        self.ms = 0
        self.incoming = []
        self.sent = []
        self.waits_ms = []
        self.slept_ms = []
        self.feeds = self.wakes = 0

    def now_ms(self):
        return self.ms

    def receive(self, timeout_ms):
        if self.incoming:
            return self.incoming.pop(0)
        self.waits_ms.append(timeout_ms)
        self.ms += timeout_ms
        return None

    def send(self, datagram, peer):
        self.sent.append((datagram, peer))

    def feed(self):
        self.feeds += 1

    def sleep(self, duration_ms):
        self.slept_ms.append(duration_ms)
        self.ms += duration_ms

    def wake(self):
        self.wakes += 1


class ScriptedNode:
    """Answers every datagram with itself, and ticks every `interval_ms`."""

    def __init__(self, interval_ms=500):
        self.interval_ms = interval_ms
        self.due_ms = 0
        self.ticks = []
        self.outgoing = []
        self.events = []
        self.is_asleep = False
        self.stop_after_ticks = None
        self.error = None
        self.started_ms = None

    def start(self, now_ms):
        self.started_ms = now_ms
        self.due_ms = now_ms + self.interval_ms

    def shutdown(self, now_ms):
        self.outgoing.append((b"bye", PEER))
        self.events.append(Stopped())

    def receive_datagram(self, datagram, peer, now_ms):
        self.outgoing.append((datagram, peer))

    def handle_timeout(self, now_ms):
        if self.error:
            raise self.error
        self.ticks.append(now_ms)
        self.due_ms = now_ms + self.interval_ms
        if self.stop_after_ticks == len(self.ticks):
            raise KeyboardInterrupt

    def next_timeout_ms(self):
        return self.due_ms

    def datagrams_to_send(self):
        datagrams, self.outgoing = self.outgoing, []
        return datagrams

    def next_event(self):
        return self.events.pop(0) if self.events else None

    def is_asleep_allowed(self, now_ms):
        return self.is_asleep


def make_runner(node, street, power=None, **takers):
    return Runner(node, street, street, street, power, **takers)


def turns(runner, count):
    for _ in range(count):
        runner.turn()


def test_timers_are_handled_when_they_are_due():
    node, street = ScriptedNode(), Street()
    node.start(0)
    turns(make_runner(node, street), 3)
    assert node.ticks == [500, 1000, 1500]


def test_datagram_is_answered_in_the_same_turn():
    node, street = ScriptedNode(), Street()
    node.start(0)
    street.incoming.append((b"ping", PEER))
    make_runner(node, street).turn()
    assert street.sent == [(b"ping", PEER)]


def test_watchdog_is_fed_however_far_the_next_timer_is():
    node, street = ScriptedNode(interval_ms=3600000), Street()
    node.start(0)
    turns(make_runner(node, street), 10)
    assert street.feeds == 10
    assert max(street.waits_ms) == WAIT_MS_MAX


def test_flood_of_datagrams_does_not_starve_the_timers():
    node, street = ScriptedNode(), Street()
    node.start(0)
    street.ms = 500
    street.incoming = [(b"flood", PEER)] * 100
    make_runner(node, street).turn()
    assert node.ticks == [500]
    assert len(street.incoming) > 0


def test_sleepy_node_sleeps_until_its_next_timer_in_steps_that_feed_the_watchdog():
    node, street = ScriptedNode(interval_ms=60000), Street()
    node.start(0)
    node.is_asleep = True
    turns(make_runner(node, street, street), 6)
    assert street.slept_ms == [20000] * 6
    assert node.ticks == [60000, 120000]


def test_short_pause_is_not_worth_a_sleep():
    node, street = ScriptedNode(interval_ms=170), Street()
    node.start(0)
    node.is_asleep = True
    turns(make_runner(node, street, street), 3)
    assert street.slept_ms == []


def test_node_that_must_stay_awake_does_not_sleep():
    node, street = ScriptedNode(interval_ms=60000), Street()
    node.start(0)
    turns(make_runner(node, street, street), 3)
    assert street.slept_ms == []


def test_radio_is_woken_only_to_send():
    node, street = ScriptedNode(interval_ms=60000), Street()
    node.start(0)
    node.is_asleep = True
    runner = make_runner(node, street, street)
    turns(runner, 2)
    assert street.wakes == 0
    node.outgoing.append((b"report", PEER))
    runner.turn()
    assert (street.wakes, street.sent) == (1, [(b"report", PEER)])


def test_interrupt_says_goodbye_and_ends():
    node, street = ScriptedNode(), Street()
    node.stop_after_ticks = 2
    events = []
    make_runner(node, street, take_event=events.append).run()
    assert street.sent == [(b"bye", PEER)]
    assert isinstance(events[-1], Stopped)


def test_goodbye_without_an_answer_ends_all_the_same():
    node, street = ScriptedNode(), Street()
    node.stop_after_ticks = 1
    node.shutdown = lambda now_ms: None
    make_runner(node, street).run()
    assert 10000 <= street.ms <= 15000


def test_bug_costs_one_turn_and_is_told():
    node, street = ScriptedNode(), Street()
    node.start(0)
    errors = []
    runner = make_runner(node, street, take_error=errors.append)
    node.error = ValueError("bug")
    runner.turn()
    node.error = None
    turns(runner, 2)
    assert [str(error) for error in errors] == ["bug"]
    assert runner.errors == 1
    assert len(node.ticks) == 2


def test_bug_that_stays_is_raised_so_that_a_reset_follows():
    node, street = ScriptedNode(), Street()
    node.error = ValueError("bug")
    assert str(raises(ValueError, make_runner(node, street).run)) == "bug"
    assert make_runner(node, street).errors == 0
    assert street.feeds == ERRORS_IN_A_ROW_MAX


def test_error_that_cannot_be_told_for_want_of_memory_is_counted_all_the_same():
    street, node = Street(), ScriptedNode()
    node.error = ValueError("bug")

    def tell(error):
        raise MemoryError

    runner = make_runner(node, street, take_error=tell)
    node.start(0)
    runner.turn()
    node.error = None
    for _ in range(4):
        runner.turn()
    assert runner.errors == 1
    assert node.ticks


def test_turn_without_memory_makes_room_and_other_errors_do_not():
    node, street, forgotten = ScriptedNode(), Street(), []
    node.start(0)
    runner = make_runner(node, street, make_room=lambda: forgotten.append(street.ms))
    for error in (MemoryError(), ValueError("bug")):
        node.error = error
        runner.turn()
    assert len(forgotten) == 1 and runner.errors == 2
