"""The transmission parameters of CoAP and the times derived from them (RFC 7252 section 4.8)."""


class TransmissionParameters:
    """Times in ms; `ack_random_percent` 150 is an ACK_RANDOM_FACTOR of 1.5."""

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

    def max_transmit_span_ms(self):
        """From the first transmission of a CON to its last: 45 s by default."""
        return self._span_ms(self.max_retransmit)

    def max_transmit_wait_ms(self):
        """From the first transmission of a CON to giving up: 93 s by default."""
        return self._span_ms(self.max_retransmit + 1)

    def exchange_lifetime_ms(self):
        """From the first transmission of a CON until its message id is free: 247 s by default.

        PROCESSING_DELAY is ACK_TIMEOUT.
        """
        return self.max_transmit_span_ms() + 2 * self.max_latency_ms + self.ack_timeout_ms

    def non_lifetime_ms(self):
        """From the sending of a NON until its message id is free: 145 s by default."""
        return self.max_transmit_span_ms() + self.max_latency_ms

    def _span_ms(self, attempts):
        return self.ack_timeout_ms * ((1 << attempts) - 1) * self.ack_random_percent // 100
