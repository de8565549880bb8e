"""The transmission parameters of CoAP and the times derived from them (RFC 7252 section 4.8)."""


class TransmissionParameters:
    """Times in ms; `ack_random_percent` 150 is an ACK_RANDOM_FACTOR of 1.5.

    Derived, with their defaults: `max_transmit_wait_ms` (93 s, from the first transmission of a
    CON to giving up), `exchange_lifetime_ms` (247 s, until the message id of a CON is free) and
    `non_lifetime_ms` (145 s, the same for a NON). PROCESSING_DELAY is ACK_TIMEOUT.
    """

    _fields = (
        "ack_timeout_ms", "ack_random_percent", "max_retransmit", "nstart", "max_latency_ms"
    )  # fmt: skip

    def __init__(
        self,
        ack_timeout_ms=2000,
        ack_random_percent=150,
        max_retransmit=4,
        nstart=1,
        max_latency_ms=100000,
    ):
        self.ack_timeout_ms = ack_timeout_ms
        self.ack_random_percent = ack_random_percent
        self.max_retransmit = max_retransmit
        self.nstart = nstart
        self.max_latency_ms = max_latency_ms
        longest_ms = ack_timeout_ms * ack_random_percent // 100
        max_transmit_span_ms = longest_ms * ((1 << max_retransmit) - 1)
        self.max_transmit_wait_ms = longest_ms * ((2 << max_retransmit) - 1)
        self.non_lifetime_ms = max_transmit_span_ms + max_latency_ms
        self.exchange_lifetime_ms = self.non_lifetime_ms + max_latency_ms + ack_timeout_ms
