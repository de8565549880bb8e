"""The few figures that a score is made of."""

import math
from collections.abc import Sequence

from protocol.number import Decimal

SECOND_US = 1_000_000
HOUR_US = 3600 * SECOND_US
DAY_US = 24 * HOUR_US


def number_of(value: int | Decimal) -> float:
    """Return a resource's number."""
    return value.mantissa * 10.0 ** value.exponent if isinstance(value, Decimal) else float(value)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest of `values` (at least one) that `share` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
