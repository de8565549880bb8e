"""What a node's access link does to datagrams, and profiles of real ones with their sources."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LinkProfile:
    """One access link, the same in both directions; `source` says where the numbers are from.

    A datagram waits until those before it have left (`bit_per_s`, None: at once; beyond
    `queue_bytes` that wait it is dropped), travels `delay_ms` and an exponentially distributed
    jitter of mean `jitter_ms`, and overtakes none, unless it is held back for `held_back_ms`
    (a share `held_back`). A share `doubled` arrives twice.

    The link is clear or in a burst (Gilbert 1960, Elliott 1963, in continuous time: both last an
    exponentially distributed time of mean `clear_s` and `burst_s`, so that what comes a quarter
    of an hour later meets a link that has forgotten). It loses a share `loss` of what passes
    while it is clear, `burst_loss` in a burst. `clear_s` None: it is always clear.

    An IP packet longer than `mtu_bytes` is lost: fragments are not modelled.
    """

    name: str
    source: str
    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    loss: float = 0.0
    burst_loss: float = 0.0
    burst_s: float = 0.0
    clear_s: float | None = None
    doubled: float = 0.0
    held_back: float = 0.0
    held_back_ms: float = 0.0
    bit_per_s: float | None = None
    queue_bytes: int = 64_000
    mtu_bytes: int = 1500

    def mean_loss(self) -> float:
        """Return the share of all datagrams that is lost in the long run."""
        if self.clear_s is None:
            return self.loss
        in_burst = self.burst_s / (self.burst_s + self.clear_s)
        return self.loss * (1 - in_burst) + self.burst_loss * in_burst


PERFECT = LinkProfile("perfect", "none: for tests, and for what is wired to the gateway")
