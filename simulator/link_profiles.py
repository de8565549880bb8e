"""What a node's access link does to datagrams, and profiles of real ones with their sources.

No measurement that was found gives every number of a profile. Each `source` says which are
measured, which follow from a standard, and which are assumed. The papers:

* Aguayo, Bicket, Biswas, Judd, Morris: Link-level Measurements from an 802.11b Mesh Network,
  SIGCOMM 2004: the loss rates of 38 urban nodes' links are spread evenly from 0 to 1; most are
  stable from second to second, a few very bursty; distance and signal say little about them.
* Pei, Zhao, Chen, Tan and others: WiFi can be the weakest link of round trip network latency in
  the wild, INFOCOM 2016: the Wi-Fi hop of 47 campus access points took more than 20 ms for half
  of the packets, more than 100 ms for a tenth.
* Brik, Rayanchu, Saha, Sen, Shrivastava, Banerjee: A Measurement Study of a Commercial-grade
  Urban WiFi Mesh, IMC 2008: with access points on utility poles, the last 2.4 GHz hop is the
  bottleneck.
* Srinivasan, Kazandjieva, Agarwal, Levis: The beta-factor, SenSys 2008: most 802.15.4 links of
  middling quality are bursty, and shift between poor and good delivery; many of 802.11b too.
* Ugwuanyi, Paul, Irvine: Survey of IoT for Developing Countries: Performance Analysis of LoRaWAN
  and Cellular NB-IoT Networks, Electronics 2021, 10, 2224: 837 ms of latency on NB-IoT.

What 802.11 leaves of a frame's loss p after the 7 attempts that are its default (dot11ShortRetry-
Limit) is p**7: 0.3 becomes 0.0002, 0.5 becomes 0.008, 0.7 becomes 0.08.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LinkProfile:
    """One access link, the same in both directions; `source` says where the numbers are from.

    A datagram waits until those before it have left (`bit_per_s`, None: at once; beyond
    `queue_bytes` that wait it is dropped), travels `delay_ms` and an exponentially distributed
    jitter of mean `jitter_ms`, and overtakes none, unless it is held back for `held_back_ms`
    (a share `held_back`). A share `doubled` arrives twice. The node's radio listens every
    `listen_ms` (0: always): what comes to it waits for that.

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
    listen_ms: float = 0.0
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

_RADIO_SLEEP_MS = 307.2
"""Three beacons of 100 time units of 1.024 ms: ESP32's default listen interval in the power saving
that our firmware asks for (firmware/adapters/esp32.py)."""

_PROFILES = (
    PERFECT,
    LinkProfile(
        "good-wifi",
        "measured: a round trip of the radio hop takes 20 ms or less for half of the packets "
        "(Pei 2016): 2 x 2 ms and two exponential delays of mean 9.5 ms have that median. "
        "Derived: frames get lost with 0.3, the better third of Aguayo 2004's links, 7 attempts "
        "leave 0.0002; 11 Mbit/s of 802.11b carry about half of it. Standard: listening every "
        "third beacon. Assumed: one datagram in 5,000 doubled",
        delay_ms=2, jitter_ms=9.5, loss=0.0002, doubled=0.0002, listen_ms=_RADIO_SLEEP_MS,
        bit_per_s=5_500_000),
    LinkProfile(
        "street-cabinet",
        "measured: a tenth of the round trips of the radio hop takes more than 100 ms "
        "(Pei 2016): 2 x 3 ms and two exponential delays of mean 24 ms have that quantile. "
        "Derived: frames get lost with 0.5, the middle of Aguayo 2004's links, 7 attempts leave "
        "0.008; 2 Mbit/s of 802.11b, half of it used, each frame sent twice. Standard: "
        "listening every third beacon. Assumed, no measurement found: a lorry before the cabinet "
        "for half a minute in the hour, which takes half; one datagram in 1,000 doubled, one in "
        "1,000 held back for 0.3 s",
        delay_ms=3, jitter_ms=24, loss=0.008, burst_loss=0.5, burst_s=30, clear_s=3570,
        doubled=0.001, held_back=0.001, held_back_ms=300, listen_ms=_RADIO_SLEEP_MS,
        bit_per_s=500_000),
    LinkProfile(
        "marginal",
        "derived: frames get lost with 0.7, the worse third of Aguayo 2004's links, 7 attempts "
        "leave 0.08; 1 Mbit/s of 802.11b, half of it used, each frame sent 3.3 times; twice the "
        "street cabinet's jitter for the attempts. Measured: such links shift between poor and "
        "good (Srinivasan 2008). Assumed, no measurement found: poor for 5 s in the minute, "
        "which takes nine of ten; one datagram in 200 doubled, one in 200 held back for 1 s",
        delay_ms=5, jitter_ms=48, loss=0.08, burst_loss=0.9, burst_s=5, clear_s=55,
        doubled=0.005, held_back=0.005, held_back_ms=1000, listen_ms=_RADIO_SLEEP_MS,
        bit_per_s=150_000, queue_bytes=16_000),
    LinkProfile(
        "thread",
        "derived from IEEE 802.15.4 at 2.4 GHz, 250 kbit/s: a frame of 127 bytes takes 4.3 ms on "
        "the air, 1.1 ms of back-off and 0.5 ms until its acknowledgement, and carries 63 bytes "
        "of a CoAP message: over four hops on one channel 21 kbit/s, 24 ms for the last frame. "
        "MTU: RFC 8200 section 5. Measured: links of middling quality are bursty (Srinivasan "
        "2008). Assumed, no measurement found: half a second of burst in the minute, which takes "
        "half, and 0.001 besides",
        delay_ms=24, jitter_ms=5, loss=0.001, burst_loss=0.5, burst_s=0.5, clear_s=59.5,
        bit_per_s=21_000, queue_bytes=8_000, mtu_bytes=1280),
    LinkProfile(
        "nb-iot",
        "measured: 837 ms of latency (Ugwuanyi 2021), taken as the mean round trip: 2 x 250 ms "
        "and two exponential delays of mean 170 ms. Standard: some 20 kbit/s upwards on one tone "
        "(3GPP Release 13), taken for both directions; MTU 1358, what 3GPP TS 23.060 annex C "
        "leaves of 1500. Assumed, no measurement found: the radio bearer repeats until it has "
        "arrived, so 0.001 get lost; another cell for 10 s in six hours, which takes all",
        delay_ms=250, jitter_ms=170, loss=0.001, burst_loss=1.0, burst_s=10, clear_s=21_590,
        bit_per_s=20_000, queue_bytes=8_000, mtu_bytes=1358),
)
PROFILES = {profile.name: profile for profile in _PROFILES}
"""All profiles by the name that a scenario gives."""
