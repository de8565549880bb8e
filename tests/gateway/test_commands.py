"""The command queues: order, expiry, repetition, results."""


from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.commands import (
    ATTEMPTS_MAX,
    RETRY_DELAY_MS,
    CommandRefused,
    Commands,
    Request,
    new_command,
)
from gateway.rows import CommandState
from protocol.data_types import ObjectLink
from protocol.number import Decimal
from tests.portable import raises

UNIX_S = 1_765_000_000
UNIX_MS = UNIX_S * 1000


def request(command_id="c1", operation="dim", node="lamp", **fields):
    if operation == "dim":
        fields = {"level": 40, "for_s": 600, **fields}
    return Request(command_id, node, operation, **fields)


def queued(*requests, per_node_max=10):
    core = Commands(per_node_max)
    for each in requests:
        core.submit(new_command(each, UNIX_MS, 3600), 0)
    return core


def send(core, node="lamp", now_ms=0, unix_s=UNIX_S):
    sending = core.next_to_send(node, now_ms, unix_s)
    core.sent(sending, now_ms)
    return sending


def test_dim_is_one_partial_write_of_end_and_level():
    sending = send(queued(request()))
    assert (sending.path, sending.is_execute) == ((3416, 0), False)
    assert sending.leaves == (((3416, 0, 51), UNIX_S + 600), ((3416, 0, 1), 40))


def test_dim_without_duration_leaves_the_end_to_the_node():
    sending = send(queued(request(for_s=None)), unix_s=None)
    assert sending.leaves == (((3416, 0, 1), 40),)


def test_dim_with_an_end_waits_for_a_trusted_clock():
    core = queued(request())
    assert core.next_to_send("lamp", 0, None) is None
    assert core.next_to_send("lamp", 0, UNIX_S) is not None


def test_resume_writes_zero_to_the_override_end():
    assert send(queued(request(operation="resume"))).leaves == (((3416, 0, 51), 0),)


def test_write_carries_the_value_in_the_resource_s_type():
    sending = send(queued(request(operation="write", path="/3416/0/49", value=1.5)))
    assert sending.leaves == (((3416, 0, 49), Decimal(15, -1)),)


def test_execute_carries_its_arguments():
    sending = send(queued(request(operation="execute", path="/3/0/4", value="0='x'")))
    assert (sending.is_execute, sending.path, sending.arguments) == (True, (3, 0, 4), "0='x'")


def test_object_link_and_opaque_values_come_as_text():
    opaque = new_command(request(operation="write", path="/5/0/0", value="AP8"), 0, 1)
    assert opaque.value == b"\x00\xff"
    link = new_command(request(operation="write", path="/3/0/22/0", value="3416:0"), 0, 1)
    assert link.value == ObjectLink(3416, 0)


def test_wrong_requests_are_refused_with_what_is_allowed():
    wrong = [
        request(operation="explode"),
        request(level=101),
        request(level=True),
        request(for_s=0),
        request(expires_s=0),
        request(command_id=""),
        request(command_id="\ud800"),
        request(operation="write", path="/3416/0", value=1),
        request(operation="write", path="/3416/0/1", value="x"),
        request(operation="write", path="/3416/0/1"),
        request(operation="write", path=7, value=1),
        request(operation="execute", path="/3/0/4", value="é"),
        request(operation="resume", level=5),
    ]
    for each in wrong:
        assert str(raises(CommandRefused, new_command, each, UNIX_MS, 60))


def test_second_command_of_a_node_waits_for_the_first_answer():
    core = queued(request("c1"), request("c2", "resume"))
    send(core)
    assert core.next_to_send("lamp", 0, UNIX_S) is None
    assert core.answered("c1", "2.04", UNIX_MS).state == CommandState.DONE
    assert core.next_to_send("lamp", 0, UNIX_S).command_id == "c2"


def test_nodes_do_not_wait_for_each_other():
    core = queued(request("c1"), request("c2", node="other"))
    send(core)
    assert core.next_to_send("other", 0, UNIX_S).command_id == "c2"


def test_error_code_ends_a_command_as_failed():
    core = queued(request())
    send(core)
    row = core.answered("c1", "4.05", UNIX_MS + 5, "maintenance")
    expected = (CommandState.FAILED, "4.05", "maintenance", UNIX_MS + 5)
    assert (row.state, row.code, row.detail, row.finished_ms) == expected


def test_write_without_answer_is_repeated_with_the_same_end():
    core = queued(request())
    first = send(core)
    assert core.no_answer("c1", 1000, UNIX_MS).state == CommandState.QUEUED
    assert core.next_to_send("lamp", 1000, UNIX_S + 1) is None
    again = core.next_to_send("lamp", 1000 + RETRY_DELAY_MS, UNIX_S + 31)
    assert again.leaves == first.leaves


def test_dim_is_not_repeated_once_its_end_has_passed():
    core = queued(request(for_s=60))
    send(core)
    core.no_answer("c1", 50_000, UNIX_MS)
    assert core.next_to_send("lamp", 60_000 + RETRY_DELAY_MS, UNIX_S + 90) is None
    assert [row.state for row in core.expire(60_000, UNIX_MS)] == [CommandState.UNKNOWN]


def test_execute_without_answer_is_never_repeated():
    core = queued(request(operation="execute", path="/3/0/4"))
    send(core)
    assert core.no_answer("c1", 0, UNIX_MS).state == CommandState.UNKNOWN
    assert core.next_to_send("lamp", 1 << 40, UNIX_S) is None


def test_write_gives_up_after_its_attempts():
    core = queued(request(operation="write", path="/3416/0/4", value=1))
    for attempt in range(ATTEMPTS_MAX):
        send(core, now_ms=attempt * RETRY_DELAY_MS)
        row = core.no_answer("c1", attempt * RETRY_DELAY_MS, UNIX_MS)
    assert row.state == CommandState.UNKNOWN
    assert core.endpoints() == []


def test_command_never_sent_expires_and_one_unanswered_becomes_unknown():
    core = queued(request("c1", expires_s=10), request("c2", "resume", expires_s=10))
    send(core)
    core.no_answer("c1", 1000, UNIX_MS)
    ended = {row.id: row.state for row in core.expire(10_000, UNIX_MS)}
    assert ended == {"c1": CommandState.UNKNOWN, "c2": CommandState.EXPIRED}


def test_command_under_way_does_not_expire():
    core = queued(request(expires_s=10))
    send(core)
    assert core.expire(11_000, UNIX_MS) == []


def test_expired_command_is_not_sent():
    assert queued(request(expires_s=10)).next_to_send("lamp", 10_000, UNIX_S) is None


def test_command_that_did_not_leave_counts_no_attempt():
    core = queued(request())
    send(core)
    assert core.not_sent("c1").attempts == 0
    assert core.expire(3_600_000, UNIX_MS)[0].state == CommandState.EXPIRED


def test_same_id_gives_the_command_that_is_queued():
    core = queued(request())
    other = new_command(request(level=99), UNIX_MS, 60)
    assert core.submit(other, 5).level == 40
    assert len(core.pending("lamp")) == 1


def test_full_queue_refuses():
    core = queued(request("c1"), request("c2"), per_node_max=2)
    raises(CommandRefused, core.submit, new_command(request("c3"), UNIX_MS, 60), 0)


def test_waiting_command_can_be_cancelled_and_one_under_way_cannot():
    core = queued(request("c1"), request("c2"))
    send(core)
    raises(CommandRefused, core.cancel, "c1", UNIX_MS)
    assert core.cancel("c2", UNIX_MS).state == CommandState.CANCELLED
    raises(CommandRefused, core.cancel, "c2", UNIX_MS)


def test_restart_repeats_writes_that_were_sent_and_gives_up_executes():
    core = queued(request("c1"), request("c2", "execute", path="/3/0/4", node="bin"))
    rows = [core.sent(core.next_to_send(node, 0, UNIX_S), 0) for node in ("lamp", "bin")]
    restarted = Commands(10)
    changed = {row.id: row.state for row in restarted.restore(rows, 0, UNIX_MS)}
    assert changed == {"c1": CommandState.QUEUED, "c2": CommandState.UNKNOWN}
    assert restarted.endpoints() == ["lamp"]


def test_clock_that_stepped_back_over_a_restart_lengthens_no_life():
    row = new_command(request(expires_s=10), UNIX_MS, 60)
    core = Commands(10)
    core.restore([row], 0, UNIX_MS - 3_600_000)
    assert core.next_timeout_ms(0) == 10_000


class CommandMachine(RuleBasedStateMachine):
    """Whatever happens: one under way per node, each id ends once, nothing after its end."""

    def __init__(self):
        super().__init__()
        self.core = Commands(4)
        self.now_ms = 0
        self.count = 0
        self.under_way = {}
        self.left = {}
        self.ended = set()

    @rule(node=st.sampled_from("ab"), operation=st.sampled_from(["dim", "resume", "execute"]))
    def submit(self, node, operation):
        self.count += 1
        fields = {"path": "/3/0/4"} if operation == "execute" else {}
        wish = request(f"c{self.count}", operation, node, expires_s=100, **fields)
        try:
            self.core.submit(new_command(wish, UNIX_MS, 60), self.now_ms)
        except CommandRefused:
            assert len(self.core.pending(node)) == 4

    @rule(node=st.sampled_from("ab"))
    def send(self, node):
        sending = self.core.next_to_send(node, self.now_ms, UNIX_S)
        if sending is not None:
            assert node not in self.under_way
            assert sending.command_id not in self.ended
            self.core.sent(sending, self.now_ms)
            self.left[sending.command_id] = self.left.get(sending.command_id, 0) + 1
            assert not sending.is_execute or self.left[sending.command_id] == 1
            self.under_way[node] = sending.command_id

    @precondition(lambda self: self.under_way)
    @rule(code=st.sampled_from(["2.04", "4.00", None]))
    def resolve(self, code):
        _, command_id = self.under_way.popitem()
        if code is None:
            self.note(self.core.no_answer(command_id, self.now_ms, UNIX_MS))
        else:
            self.note(self.core.answered(command_id, code, UNIX_MS))

    @rule(step_ms=st.integers(1, 60_000))
    def wait(self, step_ms):
        self.now_ms += step_ms
        for row in self.core.expire(self.now_ms, UNIX_MS):
            assert (row.state == CommandState.EXPIRED) == (row.id not in self.left)
            self.note(row)

    def note(self, row):
        if row.state.is_final:
            assert row.id not in self.ended
            self.ended.add(row.id)

    @invariant()
    def commands_under_way_are_first_in_their_queue(self):
        for node, command_id in self.under_way.items():
            first = self.core.pending(node)[0]
            assert (first.id, first.state) == (command_id, CommandState.SENT)


CommandMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=40)
test_any_course_of_events_keeps_the_promises = CommandMachine.TestCase


