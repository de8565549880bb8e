"""A street of two lamps and a bin at one gateway, whose happenings a test writes down by hand."""

from firmware.journal import ReadingDropped, ReadingsAcknowledged, ReadingTaken
from firmware.lwm2m_client import Registered, RegistrationLost
from simulator.account import content_of
from simulator.checks.bounds import Bounds, Facts, NodeFacts
from simulator.checks.roster import Roster
from simulator.fault import Fault
from simulator.happenings import (
    CommandAnswered,
    CommandGiven,
    FaultBegan,
    FaultEnded,
    GatewayEnded,
    GatewayStarted,
    JournalSeen,
    LightSet,
    NodeBooted,
    NodeObeyed,
    NodeSaid,
    NodeStopped,
    ReadingDelivered,
    Sampled,
    StoreSeen,
    TruthChanged,
)

GATEWAY, PLACE, CIRCUIT = "gateway-1", "Angers", "circuit 1"
GATEWAY_ADDRESS = ("10.255.0.1", 5683)
LAMP, OTHER_LAMP, BIN = "urn:lamp 1", "urn:lamp 2", "urn:bin 3"
ADDRESSES = {LAMP: ("10.0.0.1", 5683), OTHER_LAMP: ("10.0.0.2", 5683), BIN: ("10.0.0.3", 5683)}
START_UNIX_S = 1_800_000_000
BOOT = 7
LEVEL = (3416, 0, 3)  # a measurement
EMPTIED = (3435, 0, 5)
FAILURE = (3416, 0, 5)  # an alarm
MINUTE_US = 60_000_000


def facts(security="oscore"):
    nodes = {
        endpoint: NodeFacts(endpoint, endpoint[4:], endpoint[4:-2], GATEWAY, address,
                            CIRCUIT if "lamp" in endpoint else "", "street 1")
        for endpoint, address in ADDRESSES.items()}
    return Facts(nodes, {GATEWAY: GATEWAY_ADDRESS}, START_UNIX_S, security)


class Stage:
    """Tells the checks what a test says; `now_s` is the run's time."""

    def __init__(self, bounds=None, security="oscore"):
        self.roster = Roster(bounds or Bounds(), facts(security))
        self.now_us = 0
        self.booted_us = {}

    def tell(self, kind, *values, **named):
        self.roster.take(kind(self.now_us, *values, **named))
        return self

    def wait(self, seconds):
        """Let time go by, with a sample each minute."""
        end_us = self.now_us + round(seconds * 1e6)
        while self.now_us < end_us:
            self.now_us = min(self.now_us + MINUTE_US, end_us)
            self.tell(Sampled, {})
        return self

    def begin(self):
        """Gateway and nodes run, and have registered."""
        self.tell(GatewayStarted, GATEWAY)
        for endpoint in ADDRESSES:
            self.boot(endpoint)
            self.tell(NodeSaid, endpoint, Registered("/rd/1"))
            # Their clocks are set.
            self.tell(NodeObeyed, endpoint, "write", "/3/0/13", START_UNIX_S)
        return self.wait(200)

    def boot(self, endpoint, cause="power"):
        self.booted_us[endpoint] = self.now_us
        return self.tell(NodeBooted, endpoint, cause)

    def stop(self, endpoint, held=(), cause="power"):
        """A node stops with these ranges (boot, first, last) on its flash."""
        self.tell(JournalSeen, endpoint, tuple(held))
        return self.tell(NodeStopped, endpoint, cause)

    def register(self, endpoint):
        return self.tell(NodeSaid, endpoint, Registered("/rd/2"))

    def lose_registration(self, endpoint):
        return self.tell(NodeSaid, endpoint, RegistrationLost("4.04"))

    def take(self, sequence, value=50, path=LEVEL, endpoint=LAMP, boot=BOOT):
        uptime_ms = (self.now_us - self.booted_us.get(endpoint, 0)) // 1000
        return self.tell(NodeSaid, endpoint, ReadingTaken(boot, sequence, path, value, uptime_ms))

    def acknowledge(self, *sequences, endpoint=LAMP, boot=BOOT):
        return self.tell(NodeSaid, endpoint, ReadingsAcknowledged(boot, list(sequences)))

    def drop(self, sequence, reason, endpoint=LAMP, boot=BOOT):
        return self.tell(NodeSaid, endpoint, ReadingDropped(boot, sequence, reason))

    def deliver(self, sequence, value=50, path=LEVEL, endpoint=LAMP, boot=BOOT, age_s=0,
                taken_ms=None):
        """The city commits a reading that was taken `age_s` ago."""
        content = content_of(path, value)
        if taken_ms is None:
            taken_ms = START_UNIX_S * 1000 + self.now_us // 1000 - round(age_s * 1000)
        return self.tell(ReadingDelivered, GATEWAY, endpoint, boot, sequence, "readings",
                         content.partition("=")[0], content, taken_ms)

    def pass_on(self, sequence, **named):
        """A reading goes all the way."""
        self.take(sequence, **named)
        names = {key: named[key] for key in ("endpoint", "boot") if key in named}
        return self.acknowledge(sequence, **names).deliver(sequence, **named)

    def see_store(self, *stored, explained=()):
        return self.tell(StoreSeen, GATEWAY, stored, tuple(explained))

    def crash(self, *stored, cause="kill", down_s=5, explained=()):
        """The gateway goes and comes back with these ranges (endpoint, boot, first, last)."""
        self.tell(GatewayEnded, GATEWAY, cause).wait(down_s)
        return self.tell(GatewayStarted, GATEWAY).see_store(*stored, explained=explained)

    def fault(self, kind, target, duration_s=0.0, amount=0.0):
        """A fault begins, and ends after its duration."""
        fault = Fault(self.now_us / 1e6, kind, target, duration_s, amount)
        self.tell(FaultBegan, fault).wait(duration_s)
        return self.tell(FaultEnded, fault)

    def give(self, command, operation="execute", path="/3/0/4", value="", expires_s=600,
             endpoint=LAMP):
        return self.tell(CommandGiven, GATEWAY, endpoint, command, operation, path, value,
                         expires_s)

    def dim(self, command, level, for_s, expires_s=60, endpoint=LAMP):
        """The city dims a lamp, which does it at once."""
        self.give(command, "dim", "", (level, for_s), expires_s, endpoint)
        self.obey("/3416/0/1", level, endpoint=endpoint)
        return self.answer(command, endpoint=endpoint)

    def obey(self, path="/3/0/4", value="", operation="write", endpoint=LAMP):
        return self.tell(NodeObeyed, endpoint, operation, path, value)

    def answer(self, command, outcome="done", endpoint=LAMP):
        return self.tell(CommandAnswered, GATEWAY, endpoint, command, outcome, "")

    def light(self, permille, endpoint=LAMP):
        return self.tell(LightSet, endpoint, permille)

    def sun(self, is_up):
        return self.tell(TruthChanged, PLACE, "sun", float(is_up))

    def mains(self, is_on):
        return self.tell(TruthChanged, CIRCUIT, "mains", float(is_on))

    def end(self):
        self.roster.end(self.now_us)
        return self

    def broken(self):
        """Return {name of a check that failed: what its first failure says}."""
        return {check.name: f"{check.first.subject}: {check.first.what}"
                for check in self.roster.checks if check.count}

    def assert_holds(self):
        assert self.end().broken() == {}

    def assert_fails(self, name, *words):
        """Fail unless this check failed, alone, and its first failure has these words."""
        broken = self.end().broken()
        assert list(broken) == [name], broken
        assert all(word in broken[name] for word in words), broken
