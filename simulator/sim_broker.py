"""An MQTT 5 broker in memory: a core. It keeps sessions, routes, and knows what a crash leaves.

What counts for QoS 1: a message waits in the session of everybody who is subscribed, connected
or not, until he has acknowledged it; what was sent and not acknowledged is sent again, first and
in its order, on his next connection. Nothing is retained: the seam's subscribers want none of it.
`tests/simulator/test_broker_conformance.py` holds it against mosquitto.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from typing import Protocol

from gateway.uplinks.mqtt_connection import Delivery, Publication
from simulator.topic_tree import TopicTree

SUCCESS, NO_SUBSCRIBERS, NOT_AUTHORIZED, QUOTA_EXCEEDED = 0x00, 0x10, 0x87, 0x97
GRANTED_QOS_1 = 0x01
PACKET_IDS = 65_535
# Mosquitto's own defaults: max_inflight_messages, max_queued_messages, autosave_interval.
RECEIVE_MAXIMUM, QUEUE_LENGTH_MAX, AUTOSAVE_S = 20, 1000, 1800.0


class Client(Protocol):
    """Who holds a connection to the broker."""

    def deliver(self, delivery: Delivery) -> None:
        """Bring him a message."""

    def disconnect(self, reason: str) -> None:
        """Tell him that it is over."""


@dataclass(frozen=True, slots=True)
class Question(Publication):
    """A message whose receiver is asked to answer to `response_topic`."""

    response_topic: str | None = None


class Durability(StrEnum):
    """What a broker has on its disk before it acknowledges."""

    ALWAYS = "always"  # as RabbitMQ's quorum queues
    SNAPSHOTS = "snapshots"  # as mosquitto: all of it every half hour, and when it ends in order
    NEVER = "never"  # as mosquitto without persistence


@dataclass(eq=False, slots=True)
class Session:
    """What the broker knows of one client; `client` is None while he is away."""

    client_id: str
    expiry_s: float = 0.0
    receive_maximum: int = RECEIVE_MAXIMUM
    will: Publication | None = None
    client: Client | None = None
    away_since_s: float = 0.0
    is_deaf: bool = False  # takes nothing more until its client is back
    quota: int = RECEIVE_MAXIMUM  # how many more may be sent now (section 4.9)
    last_mid: int = 0
    filters: dict[str, None] = field(default_factory=dict)
    waiting: deque[tuple[int, Publication]] = field(default_factory=deque)
    under_way: dict[int, Publication] = field(default_factory=dict)

    @property
    def expires_s(self) -> float:
        """Return when the broker forgets it; never while its client is there."""
        return inf if self.client is not None else self.away_since_s + self.expiry_s

    def copy(self) -> "Session":
        """Return what a disk has of it: neither the connection nor its will."""
        return Session(
            self.client_id, self.expiry_s, self.receive_maximum, away_since_s=self.away_since_s,
            last_mid=self.last_mid, filters=dict(self.filters), waiting=deque(self.waiting),
            under_way=dict(self.under_way))

    def fill(self) -> None:
        """Send what waits, as far as the client's Receive Maximum lets it."""
        while self.waiting and self.client and self.quota:
            mid, publication = self.waiting.popleft()
            self.under_way[mid] = publication
            self._send(mid, publication)

    def acknowledge(self, mid: int) -> None:
        """Forget what the client has, and send what that makes room for."""
        if self.under_way.pop(mid, None) is not None:
            self.quota = min(self.receive_maximum, self.quota + 1)
            self.fill()

    def send_again(self) -> None:
        """Send what was not acknowledged on the last connection (section 4.4)."""
        self.quota = self.receive_maximum
        for mid, publication in self.under_way.items():
            self._send(mid, publication)

    def _send(self, mid: int, publication: Publication) -> None:
        self.quota = max(0, self.quota - 1)
        self.client.deliver(_delivery(mid, publication))

    def next_mid(self) -> int:
        """Return the packet id of another message, whether or not there is room for it."""
        self.last_mid = self.last_mid % PACKET_IDS + 1
        return self.last_mid


def _delivery(mid: int, publication: Publication) -> Delivery:
    is_question = isinstance(publication, Question)
    return Delivery(mid, publication.topic, publication.payload,
                    publication.response_topic if is_question else None,
                    publication.correlation, 1, publication.user_properties)


class Broker:
    """The broker. Times are seconds that never run back.

    `refuse(client_id, topic)` gives the reason code for what a client may not publish, or 0.
    `queue_length_max` messages wait for a client who is away, and as many more as his Receive
    Maximum for one who is there; None: any number. What a full queue does not take is acknowledged
    like all else, as mosquitto does.
    """

    def __init__(self, durability: Durability = Durability.ALWAYS,
                 queue_length_max: int | None = None) -> None:
        self.durability = durability
        self.queue_length_max = queue_length_max
        self.refuse: Callable[[str, str], int] = lambda client_id, topic: SUCCESS
        self.dropped = 0  # messages that were acknowledged and not kept
        self.forgotten = 0  # messages that a crash took
        self._sessions: dict[str, Session] = {}
        self._tree: TopicTree | None = None
        self._saved: list[Session] = []
        self._saved_s = 0.0
        self._next_look_s = 0.0

    def attach(self, client_id: str, client: Client, now_s: float, expiry_s: float,
               receive_maximum: int, will: Publication | None) -> Session:
        """Return the session of a client who connects, a known one with what waits in it.

        Whoever was connected under his name is disconnected, and his will is not published:
        mosquitto does not either. `begin` must follow.
        """
        self._look(now_s)
        session = self._sessions.pop(client_id, None)
        if session is None:
            session = Session(client_id)
            self._tree = None
        elif session.client is not None:
            session.client.disconnect("Session taken over")
        # In the order of their connecting: so their wills go out when the broker ends.
        self._sessions[client_id] = session
        session.client, session.will = client, will
        session.expiry_s, session.receive_maximum = expiry_s, receive_maximum
        session.is_deaf = False
        return session

    def begin(self, session: Session) -> None:
        """Send what waits for a client who has just been told that he is connected."""
        session.send_again()
        session.fill()

    def detach(self, session: Session, client: Client, now_s: float, is_graceful: bool) -> None:
        """A client's connection is over; graceful is a DISCONNECT."""
        self._look(now_s)
        if session.client is not client or self._sessions.get(session.client_id) is not session:
            return
        will, session.will = session.will, None
        if will is not None and not is_graceful:
            self.publish(session.client_id, will, now_s)
        session.client = None
        session.away_since_s = now_s
        self._next_look_s = 0.0
        self._look(now_s)

    def subscribe(self, session: Session, topic_filter: str, now_s: float) -> int:
        """Return the SUBACK's reason code."""
        self._look(now_s)
        session.filters[topic_filter] = None
        self._tree = None
        return GRANTED_QOS_1

    def publish(self, client_id: str, publication: Publication, now_s: float) -> int:
        """Return the PUBACK's reason code (section 2.4)."""
        self._look(now_s)
        if reason := self.refuse(client_id, publication.topic):
            return reason
        found = self._subscriptions().find(publication.topic)
        for session in found:
            self._queue(session, publication)
        return SUCCESS if found else NO_SUBSCRIBERS

    def acknowledge(self, session: Session, mid: int, now_s: float) -> None:
        """A client has taken the message with the packet id `mid`."""
        self._look(now_s)
        session.acknowledge(mid)

    def crash(self, now_s: float) -> None:
        """The power goes: nothing is published any more, and the disk's state remains."""
        self._look(now_s)
        before = self._messages()
        if self.durability == Durability.ALWAYS:
            self._save()
        self._sessions = {each.client_id: each.copy() for each in self._saved}
        self._tree = None
        for session in self._sessions.values():
            session.away_since_s = now_s
            # Mosquitto 2.0 throws away what comes before the client of a restored session is
            # back, and acknowledges it.
            session.is_deaf = self.durability == Durability.SNAPSHOTS
        self._next_look_s = 0.0
        self.forgotten += max(0, before - self._messages())

    def stop(self, now_s: float) -> None:
        """End in order: the wills of all who are there go out, and what is kept is saved."""
        self._look(now_s)
        for session in list(self._sessions.values()):
            if session.client is not None and session.will is not None:
                self.publish(session.client_id, session.will, now_s)
        if self.durability != Durability.NEVER:
            self._save()
        self.crash(now_s)

    def waiting(self, *client_ids: str) -> int:
        """Return how many messages these clients have not acknowledged."""
        sessions = [self._sessions[each] for each in client_ids if each in self._sessions]
        return sum(len(each.waiting) + len(each.under_way) for each in sessions)

    def _queue(self, session: Session, publication: Publication) -> None:
        if session.is_deaf:
            self.dropped += 1
            return
        mid = session.next_mid()
        # Mosquitto adds the window again where the client is there (db__ready_for_queue).
        window = session.receive_maximum if session.client is not None else 0
        if (self.queue_length_max is not None
                and len(session.waiting) >= self.queue_length_max + window):
            self.dropped += 1
            return
        session.waiting.append((mid, publication))
        session.fill()

    def _subscriptions(self) -> TopicTree:
        if self._tree is None:
            self._tree = TopicTree()
            for session in self._sessions.values():
                for topic_filter in session.filters:
                    self._tree.add(topic_filter, session)
        return self._tree

    def _look(self, now_s: float) -> None:
        """Do what time has brought: a snapshot that is due, sessions that have expired."""
        if now_s < self._next_look_s:
            return
        if self.durability == Durability.SNAPSHOTS and now_s - self._saved_s >= AUTOSAVE_S:
            # Nothing has changed since the moment when it was due.
            self._saved_s = now_s - (now_s - self._saved_s) % AUTOSAVE_S
            self._save()
        for session in [each for each in self._sessions.values() if each.expires_s <= now_s]:
            self._forget(session)
        expiries = [each.expires_s for each in self._sessions.values()]
        does_save = self.durability == Durability.SNAPSHOTS
        self._next_look_s = min(self._saved_s + AUTOSAVE_S if does_save else inf, *expiries, inf)

    def _save(self) -> None:
        self._saved = [each.copy() for each in self._sessions.values() if each.expiry_s]

    def _forget(self, session: Session) -> None:
        del self._sessions[session.client_id]
        self._tree = None

    def _messages(self) -> int:
        return sum(len(each.waiting) + len(each.under_way) for each in self._sessions.values())
