"""The whole way from a store to the table of `faubourg city`, and what must hold at its end."""

import functools
from collections import defaultdict

from tests.gateway.mqtt_uplink import uplinked

NODES = 5
FOUND = "SELECT endpoint, topic, sequence FROM readings ORDER BY arrival"

# The uplink's part of it; to be opened like `uplinked`.
chained = functools.partial(uplinked, ack="application", ack_timeout_s=2)


def prove(consumer, count):
    """Check that the consumer has readings 0 to `count` - 1 once, in order per node and lane."""
    found = consumer.rows(FOUND)
    assert sorted(sequence for _, _, sequence in found) == list(range(count))
    lanes = defaultdict(list)
    for endpoint, topic, sequence in found:
        lanes[endpoint, topic].append(sequence)
    for numbers in lanes.values():
        assert numbers == sorted(numbers)
