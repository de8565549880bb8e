"""What the city makes of a gateway's messages: rows, and acknowledgements; `docs/integration.md`.

Pure functions: whoever keeps the rows elsewhere than in SQLite needs them as they are.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from gateway import sequence_ranges
from gateway.uplinks import mqtt_acks, topics
from gateway.uplinks.mqtt_connection import Delivery, Publication
from protocol.errors import DecodeError

ENTRIES_MAX = 100
VALUES = frozenset(("v", "vb", "vs", "vd"))  # SenML: number, truth value, text, base64url
MALFORMED = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, DecodeError,
             RecursionError)


class Row(NamedTuple):
    """A reading as the city keeps it; a tuple, because a database takes it as one."""

    gateway: str
    endpoint: str
    boot: int | str  # a number, or "unsequenced:epoch"
    sequence: int
    topic: str  # "alarms" or "readings"
    path: str
    kind: str  # "v", "vb", "vs" or "vd", as SenML has it
    value: str  # exactly as it was written
    unit: str  # "" where there is none
    time_ms: int  # when it was taken, Unix milliseconds
    received_ms: int


def key_of(message: Delivery) -> str | None:
    """Return the idempotency key of a message, "boot:ranges", if it has one."""
    return dict(message.user_properties).get("id")


def rows_of(message: Delivery, received_ms: int) -> list[Row]:
    """Return the rows of the readings in a message; raises one of MALFORMED."""
    boot, _, ranges = key_of(message).rpartition(":")
    if not boot:
        raise ValueError("no boot in the id")
    boot = sequence_ranges.parse(boot)[0][0] if boot.isdigit() else boot
    sequences = sequence_ranges.expand(sequence_ranges.parse(ranges))
    # Numbers stay the texts that they are: energy is money, and a float would round it.
    records = json.loads(message.payload, parse_float=str, parse_int=str)
    first = topics.gateway_of(message.topic), records[0]["bn"], boot
    kind_of_topic = message.topic.rpartition("/")[2]
    rows = []
    for sequence, record in zip(sequences, records, strict=True):
        (kind,) = VALUES.intersection(record)
        value = json.dumps(record[kind]) if kind == "vb" else record[kind]
        texts = kind_of_topic, record["n"], kind, value, record.get("u", "")
        if not all(isinstance(text, str) for text in (first[1], *texts)):
            raise TypeError("a text is none")
        rows.append(Row(*first, sequence, *texts, _milliseconds(record["t"]), received_ms))
    return rows


def _milliseconds(seconds: str) -> int:
    time_s = Decimal(seconds)
    if not abs(time_s) < 1 << 40:
        raise ValueError("no time")
    return int(time_s * 1000)


def acknowledgements(messages: Sequence[Delivery]) -> list[Publication]:
    """Return what tells the gateways that `messages` are kept, ENTRIES_MAX in a message."""
    kept = defaultdict(list)
    for message in messages:
        key = key_of(message)
        try:
            gateway, node = topics.gateway_of(message.topic), topics.node_of(message.topic)
        except ValueError:
            continue
        if key is not None:
            kept[gateway].append((node, key))
    parts = [
        (gateway, pairs[start : start + ENTRIES_MAX])
        for gateway, pairs in kept.items()
        for start in range(0, len(pairs), ENTRIES_MAX)
    ]
    return [
        Publication(topics.of_acknowledgements(gateway), mqtt_acks.render(pairs))
        for gateway, pairs in parts
    ]
