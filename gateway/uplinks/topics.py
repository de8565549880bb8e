"""MQTT topics of version 1: `faubourg/v1/<gateway>/<node>/<kind>`; `docs/internals.md`, "MQTT"."""

from functools import lru_cache
from urllib.parse import quote, unquote

ROOT = "faubourg/v1"
ACK = "ack"
# Of the names that come with every message, so many are escaped once only.
NAMES_KEPT = 16_384
READINGS, ALARMS, COMMANDS, RESULTS, STATUS = (
    "readings",
    "alarms",
    "commands",
    "results",
    "status",
)


@lru_cache(NAMES_KEPT)
def escape(name: str) -> str:
    """Return `name` as one topic level; `unescape` gives it back.

    Letters, digits, `-`, `_`, `~` and `:` stay; of everything else each byte of its UTF-8 becomes
    `%` and two upper-case hex digits. So no level holds `/`, `+`, `#`, `.` (RabbitMQ's separator),
    `*`, `$` or a space.
    """
    return quote(name, safe=":").replace(".", "%2E")


@lru_cache(NAMES_KEPT)
def unescape(level: str) -> str:
    """Return the name that `escape` made `level` of; raises ValueError if it made it of none."""
    name = unquote(level, errors="strict")
    if escape(name) != level:
        raise ValueError("not an escaped name")
    return name


def of_node(gateway: str, endpoint: str, kind: str) -> str:
    """Return a node's topic."""
    return f"{ROOT}/{escape(gateway)}/{escape(endpoint)}/{kind}"


def of_gateway(gateway: str) -> str:
    """Return the topic of the gateway's own state."""
    return f"{ROOT}/{escape(gateway)}/{STATUS}"


def of_acknowledgements(gateway: str) -> str:
    """Return the topic on which the consumer acknowledges a gateway's readings."""
    return f"{ROOT}/{escape(gateway)}/{ACK}"


def filter_of(gateway: str | None, kind: str) -> str:
    """Return the filter of a kind of topic, of all nodes of a gateway or of all gateways."""
    return f"{ROOT}/{'+' if gateway is None else escape(gateway)}/+/{kind}"


def gateway_of(topic: str) -> str:
    """Return the gateway's id in a node's topic; raises ValueError."""
    return _level(topic, 2)


def node_of(topic: str) -> str:
    """Return the endpoint name in a node's topic; raises ValueError."""
    return _level(topic, 3)


def _level(topic: str, index: int) -> str:
    levels = topic.split("/")
    if len(levels) != 5:
        raise ValueError("not a node's topic")
    return unescape(levels[index])


def is_publishable(topic: str) -> bool:
    """Return whether `topic` may be published to (MQTT 5 section 4.7.1)."""
    length = len(topic.encode(errors="replace"))
    return 0 < length <= 65_535 and not any(mark in topic for mark in "+#\0")
