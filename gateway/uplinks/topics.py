"""MQTT topics of version 1: `faubourg/v1/<gateway>/<node>/<kind>`; `docs/internals.md`, "MQTT"."""

from urllib.parse import quote, unquote

ROOT = "faubourg/v1"
READINGS, ALARMS, COMMANDS, RESULTS, STATUS = (
    "readings",
    "alarms",
    "commands",
    "results",
    "status",
)


def escape(name: str) -> str:
    """Return `name` as one topic level; `unescape` gives it back.

    Letters, digits, `-`, `_`, `~` and `:` stay; of everything else each byte of its UTF-8 becomes
    `%` and two upper-case hex digits. So no level holds `/`, `+`, `#`, `.` (RabbitMQ's separator),
    `*`, `$` or a space.
    """
    return quote(name, safe=":").replace(".", "%2E")


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


def commands_filter(gateway: str) -> str:
    """Return the topic filter of the commands to all of a gateway's nodes."""
    return f"{ROOT}/{escape(gateway)}/+/{COMMANDS}"


def node_of(topic: str) -> str:
    """Return the endpoint name in a node's topic; raises ValueError."""
    levels = topic.split("/")
    if len(levels) != 5:
        raise ValueError("not a node's topic")
    return unescape(levels[3])


def is_publishable(topic: str) -> bool:
    """Return whether `topic` may be published to (MQTT 5 section 4.7.1)."""
    length = len(topic.encode(errors="replace"))
    return 0 < length <= 65_535 and not any(mark in topic for mark in "+#\0")
