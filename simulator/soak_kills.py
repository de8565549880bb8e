"""When which process is killed: drawn from one seed before a soak begins."""

import random
from dataclasses import dataclass

VICTIMS = ("gateway", "broker", "city")
# The first moments belong to the start, the last to the kill that must still be survived.
FIRST_PART, LAST_PART = 0.05, 0.95
PAUSE_MIN_S, PAUSE_MAX_S = 0.05, 1.5


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL to `victim` at `at_s` of the run; it is started again `pause_s` later."""

    at_s: float
    victim: str
    pause_s: float


def draw(seed: int, duration_s: float, kills: int) -> list[Kill]:
    """Return `kills` kills in the order of their times, shared out evenly over the processes."""
    rng = random.Random(f"{seed}/kills")
    victims = [VICTIMS[number % len(VICTIMS)] for number in range(kills)]
    rng.shuffle(victims)
    times = sorted(rng.uniform(FIRST_PART, LAST_PART) * duration_s for _ in victims)
    return [Kill(at_s, victim, rng.uniform(PAUSE_MIN_S, PAUSE_MAX_S))
            for at_s, victim in zip(times, victims, strict=True)]
