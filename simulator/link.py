"""One access link: what becomes of each datagram that crosses it, drawn from its own generator."""

import math
import random

from simulator.link_profiles import LinkProfile

UP, DOWN = range(2)
HEADERS_BYTES = 28
"""IPv4 and UDP headers, RFC 791 and RFC 768."""


class Link:
    """The state of a link; times are whole microseconds, and never go back.

    A fault (`add_loss`) draws from a generator of its own: without it, the link loses the same
    datagrams of the same traffic.
    """

    def __init__(self, profile: LinkProfile, seed: int, host: str) -> None:
        self._seed = seed
        self._host = host
        self._random = self._generator("link")
        # A generator takes 2.5 KB: only where it is needed.
        self._fault_random: random.Random | None = None
        self._looked_us = 0
        self._free_us = [0, 0]
        self._last_us = [0, 0]
        self.set_profile(profile)
        self.cuts = 0
        self._added_loss = 0.0

    def set_profile(self, profile: LinkProfile) -> None:
        """Behave as `profile` from now on; what is under way is not called back."""
        self.profile = profile
        self._is_in_burst = False
        self._listen_us = round(profile.listen_ms * 1000)
        # Nodes do not listen all at one moment.
        self._phase_us = 0
        if self._listen_us:
            self._phase_us = self._generator("listening").randrange(self._listen_us)
        self._burst_share = self._forget_us = 0.0
        if profile.clear_s is not None:
            both_s = profile.burst_s + profile.clear_s
            self._burst_share = profile.burst_s / both_s
            self._forget_us = profile.burst_s * profile.clear_s / both_s * 1e6

    def add_loss(self, share: float) -> None:
        """Lose this share of what the link itself does not lose."""
        self._added_loss = share
        if self._fault_random is None:
            self._fault_random = self._generator("loss")

    def _generator(self, what: str) -> random.Random:
        return random.Random(f"{self._seed}/{what}/{self._host}")

    def cross(self, length: int, direction: int, now_us: int) -> str | tuple[int, ...]:
        """Return when a datagram of `length` bytes comes out, or why it does not.

        One that is doubled comes out twice. Reasons are those of `happenings.DatagramDropped`.
        """
        if self.cuts:
            return "partition"
        profile = self.profile
        size = length + HEADERS_BYTES
        if size > profile.mtu_bytes:
            return "mtu"
        left_us = now_us
        if profile.bit_per_s is not None:
            waiting_us = max(0, self._free_us[direction] - now_us)
            if waiting_us * profile.bit_per_s / 8e6 > profile.queue_bytes:
                return "queue"
            left_us += waiting_us + round(size * 8e6 / profile.bit_per_s)
            self._free_us[direction] = left_us
        outcome = self._outcome(now_us, left_us, direction)
        # Last: what the link itself does is drawn all the same.
        if self._added_loss and self._fault_random.random() < self._added_loss:
            return "loss"
        return outcome

    def _outcome(self, now_us: int, left_us: int, direction: int) -> str | tuple[int, ...]:
        profile = self.profile
        if self._is_lost(now_us):
            return "loss"
        arrival_us = self._arrival_us(left_us, direction)
        if profile.doubled and self._random.random() < profile.doubled:
            return (arrival_us, self._arrival_us(left_us, direction))
        return (arrival_us,)

    def _is_lost(self, now_us: int) -> bool:
        loss = self.profile.loss
        if self._burst_share and self._look_for_burst(now_us):
            loss = self.profile.burst_loss
        return loss > 0 and self._random.random() < loss

    def _look_for_burst(self, now_us: int) -> bool:
        """Draw whether there is a burst now, given what there was when it was last looked."""
        memory = math.exp((self._looked_us - now_us) / self._forget_us)
        self._looked_us = now_us
        likely = self._burst_share + (self._is_in_burst - self._burst_share) * memory
        self._is_in_burst = self._random.random() < likely
        return self._is_in_burst

    def _arrival_us(self, left_us: int, direction: int) -> int:
        profile = self.profile
        delay_ms = profile.delay_ms
        if profile.jitter_ms:
            delay_ms += self._random.expovariate(1 / profile.jitter_ms)
        is_held_back = profile.held_back > 0 and self._random.random() < profile.held_back
        if is_held_back:
            delay_ms += profile.held_back_ms
        arrival_us = left_us + round(delay_ms * 1000)
        if direction == DOWN and self._listen_us:
            arrival_us += (self._phase_us - arrival_us) % self._listen_us
        if is_held_back:
            return arrival_us
        # A link is a queue: what takes longer keeps back what comes behind it.
        self._last_us[direction] = max(self._last_us[direction], arrival_us)
        return self._last_us[direction]
