"""How a core says no to a peer: a CoAP response code and a reason."""


class Refused(Exception):
    """A request that cannot be served; `code` as the standards write it ("4.04").

    The reason goes back to the peer as diagnostic payload (RFC 7252 section 5.5.2).
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason
