"""Random delays, so that a thousand lamps that regain power together do not speak together."""


def below(random_bytes, bound):
    """Return a random int from 0 to `bound` - 1; 0 if `bound` is 0 or less."""
    # 32 bits over bounds of some hours in milliseconds: the bias is far below a per mille.
    return int.from_bytes(random_bytes(4), "big") % bound if bound > 0 else 0
