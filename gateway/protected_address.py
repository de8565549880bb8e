"""Who speaks through a security context: a node, wherever its datagrams come from."""

from aiocoap import interfaces
from aiocoap.numbers import constants


class ProtectedAddress(interfaces.EndpointAddress):
    """The node that owns a security context: equal if the node is.

    `outer` is the address that its newest authentic message came from; `layer` is what protects
    what is sent to it.
    """

    __slots__ = ("endpoint", "outer", "layer", "maximum_block_size_exp")

    scheme = "coap"
    is_multicast = False
    is_multicast_locally = False

    def __init__(self, endpoint: str, outer: interfaces.EndpointAddress, layer: object) -> None:
        self.endpoint = endpoint
        self.outer = outer
        self.layer = layer
        self.maximum_block_size_exp = constants.MAX_REGULAR_BLOCK_SIZE_EXP

    def __hash__(self) -> int:
        return hash(self.endpoint)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ProtectedAddress) and self.endpoint == other.endpoint

    def __repr__(self) -> str:
        return f"{self.endpoint} at {self.hostinfo}"

    @property
    def hostinfo(self) -> str:
        """Return "host:port" of the newest message."""
        return self.outer.hostinfo

    @property
    def hostinfo_local(self) -> str:
        """Raise: the gateway has no one name."""
        return self.outer.hostinfo_local

    @property
    def uri_base(self) -> str:
        """Return "coap://host:port"."""
        return self.outer.uri_base

    @property
    def uri_base_local(self) -> str:
        """Raise: the gateway has no one name."""
        return self.outer.uri_base_local

    @property
    def blockwise_key(self) -> str:
        """Return what the blocks of one body share: whose they are."""
        return self.endpoint
