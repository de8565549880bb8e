"""What a run is held to: the bounds that a scenario states, and who there is."""

from collections.abc import Mapping
from dataclasses import dataclass

from simulator.happenings import Address


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long and how much is still right; seconds of the run's time.

    The first block are keys of a scenario's `[checks]`, the second is the product's own: how
    long CoAP remembers what it sent, and back-off after an outage.
    """

    registered_again_s: int = 900
    registrations_per_s_max: int = 100
    lamp_dark_s_max: int = 3600
    lamp_lit_by_day_s_max: int = 3600
    alarm_s_max: int = 120
    reading_time_error_s_max: int = 5
    command_answer_s_max: int = 300
    queue_rows_max: int = 1_000_000
    journal_readings_max: int = 4096
    tasks_max: int = 100_000

    journal_full_readings_min: int = 500
    remember_s: int = 600
    after_trouble_s: int = 1200
    copy_s_max: int = 900
    clock_drift_ppm_max: int = 100
    override_light_permille: int = 100


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """A node as the checks know it; `circuit` and `street` are "" where it is on none."""

    endpoint: str
    name: str
    furniture: str
    gateway: str
    address: Address
    circuit: str = ""
    street: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Who there is in a run, and when it begins; `gateways` are addresses by id."""

    nodes: Mapping[str, NodeFacts]  # by endpoint
    gateways: Mapping[str, Address]
    start_unix_s: int = 0
    security: str = "oscore"

    def name_of(self, endpoint: str) -> str:
        """Return what people call a node."""
        facts = self.nodes.get(endpoint)
        return endpoint if facts is None else facts.name
