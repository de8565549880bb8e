"""Which sequence numbers of a peer have been seen (RFC 8613 7.4, RFC 6347 4.1.2.6)."""


class ReplayWindow:
    """The last `size` numbers before the greatest one seen; older ones are never accepted.

    Until initialise() no number is accepted.
    """

    def __init__(self, size=32):
        self._size = size
        self._lowest = None
        self._seen = 0

    @property
    def is_initialised(self):
        return self._lowest is not None

    def initialise(self, lowest):
        """Accept `lowest` and all above it, each once."""
        self._lowest = lowest
        self._seen = 0

    def accepts(self, number):
        """Tell whether `number` is new, and not too old to tell."""
        if self._lowest is None or number < self._lowest:
            return False
        place = number - self._lowest
        return place >= self._size or not self._seen >> place & 1

    def strike(self, number):
        """Never accept `number` again; it must be one that is accepted."""
        assert self.accepts(number)
        beyond = number - self._lowest - self._size + 1
        if beyond > 0:
            self._lowest += beyond
            # A leap over the whole window would shift a bit far out of every number's range.
            self._seen = self._seen >> beyond if beyond < self._size else 0
        self._seen |= 1 << number - self._lowest
