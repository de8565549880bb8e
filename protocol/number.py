"""Exact decimal numbers, and their IEEE 754 bytes by integer arithmetic alone (IEEE 754-2019).

An ESP32's float has 24 bits, so a measured value is a mantissa and a power of ten.
"""

from protocol.errors import DecodeError, EncodeError

# Everything a double can say has at most 17 digits and an exponent between -340 and 292.
EXPONENT_MAX = 400
MANTISSA_BITS_MAX = 256
TEXT_LENGTH_MAX = 100
# Decimals of so many digits are all different as doubles.
EXACT_DIGITS = 15
PLAIN_DIGITS_MAX = 24


class Decimal:
    """`mantissa` x 10**`exponent`, both int. Equal and hashed by value, also to an int."""

    _fields = ("mantissa", "exponent")

    def __init__(self, mantissa, exponent):
        self.mantissa = mantissa
        self.exponent = exponent

    def __eq__(self, other):
        if isinstance(other, bool) or not isinstance(other, (int, Decimal)):
            return False
        return compare(self, other) == 0

    def __hash__(self):
        mantissa, exponent = _stripped(self)
        if exponent >= 0:
            return hash(mantissa * 10**exponent)
        return hash((mantissa, exponent))

    def __repr__(self):
        return f"Decimal({self.mantissa}, {self.exponent})"

    def scaled(self, exponent):
        """Return the int that, times 10**`exponent`, is nearest to this (half to even)."""
        shift = self.exponent - exponent
        if shift >= 0:
            return self.mantissa * 10**shift
        return _divide(self.mantissa, 10**-shift)

    def to_text(self):
        """Return the shortest decimal, such as "-0.5"; with "e" where it needs over 24 zeros."""
        mantissa, exponent = _stripped(self)
        digits = str(abs(mantissa))
        sign = "-" if mantissa < 0 else ""
        if exponent > PLAIN_DIGITS_MAX or exponent < -PLAIN_DIGITS_MAX:
            return f"{sign}{digits}e{exponent}"
        if exponent >= 0:
            return sign + digits + "0" * exponent
        digits = "0" * (1 - exponent - len(digits)) + digits
        return sign + digits[:exponent] + "." + digits[exponent:]

    def to_ieee754(self, size):
        """Return the nearest binary float of `size` bytes (2, 4 or 8; half to even), big-endian.

        Raises EncodeError where that would be an infinity.
        """
        precision, _, lowest = _format(size)
        numerator = abs(self.mantissa) * 10 ** max(self.exponent, 0)
        denominator = 10 ** max(-self.exponent, 0)
        mantissa, exponent = _nearest(numerator, denominator, precision, lowest)
        data = _pack(self.mantissa < 0, mantissa, exponent, size)
        if data is None:
            raise EncodeError("number too large for a float")
        return data


def checked(mantissa, exponent):
    """Return Decimal(mantissa, exponent); raises DecodeError if it is out of all proportion."""
    if not -EXPONENT_MAX <= exponent <= EXPONENT_MAX or abs(mantissa) >> MANTISSA_BITS_MAX:
        raise DecodeError("number out of range")
    return Decimal(mantissa, exponent)


def from_text(text):
    """Return the Decimal that `text` writes: digits, optional sign, point and exponent.

    Raises DecodeError on anything else: spaces, "nan", "inf", underscores.
    """
    if len(text) > TEXT_LENGTH_MAX:
        raise DecodeError("number too long")
    significand, has_exponent, exponent = text.replace("E", "e").partition("e")
    whole, _, fraction = significand.partition(".")
    sign = whole[:1]
    digits = (whole[1:] if sign in ("+", "-") else whole) + fraction
    if not is_digits(digits):
        raise DecodeError("not a number")
    mantissa = -int(digits) if sign == "-" else int(digits)
    return checked(mantissa, (_integer(exponent) if has_exponent else 0) - len(fraction))


def from_ieee754(data):
    """Return the shortest Decimal that stands for the float `data` (2, 4 or 8 bytes, big-endian).

    A shorter float is read as the double it equals, since encoders shorten where nothing is lost:
    a half or a single 21.3125 is not 21.31. A single that so takes more than 15 digits was born
    as one: 0.1 and not 0.10000000149011612. The sign of a zero is lost. Raises DecodeError on NaN
    and infinities.
    """
    is_negative, mantissa, exponent = _unpack(data)
    if mantissa == 0:
        return Decimal(0, 0)
    as_double = _shortest(_pack(is_negative, mantissa, exponent, 8))
    if len(data) == 4 and abs(as_double.mantissa) >= 10**EXACT_DIGITS:
        return _shortest(data)
    return as_double


def narrowed(data, sizes):
    """Return the float `data` in the first of `sizes` (ascending) that holds it exactly."""
    is_negative, mantissa, exponent = _unpack(data)
    while mantissa and not mantissa & 1:
        mantissa >>= 1
        exponent += 1
    for size in sizes:
        precision, _, lowest = _format(size)
        if mantissa >> precision or (mantissa and exponent < lowest):
            continue
        shorter = _pack(is_negative, mantissa, exponent, size)
        if shorter is not None:
            return shorter
    return data


def from_number(value):
    """Return an int, a Decimal, or a host's float or decimal.Decimal, as int or Decimal.

    Raises DecodeError on anything else, NaN and infinities included.
    """
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return value
    if isinstance(value, (bool, str, bytes)):
        raise DecodeError("not a number")
    return from_text(str(value))


def compare(first, second):
    """Return -1, 0 or 1 as `first` is less than, equal to or greater than `second`."""
    first, second, _ = _aligned(first, second)
    return (first > second) - (first < second)


def add(first, second):
    """Return the exact sum of two ints or Decimals, an int where both are."""
    if isinstance(first, int) and isinstance(second, int):
        return first + second
    total, addend, exponent = _aligned(first, second)
    return _from_parts(total + addend, exponent)


def subtract(first, second):
    """Return the exact difference of two ints or Decimals, an int where both are."""
    total, subtrahend, exponent = _aligned(first, second)
    return _from_parts(total - subtrahend, exponent)


def to_integer(value):
    """Return an int or Decimal as int, or None if it is not whole."""
    if isinstance(value, int):
        return value
    mantissa, exponent = _stripped(value)
    return mantissa * 10**exponent if exponent >= 0 else None


def is_digits(text):
    """Return whether `text` is one or more of the digits 0 to 9."""
    for character in text:
        if not "0" <= character <= "9":
            return False
    return bool(text)


def _from_parts(mantissa, exponent):
    return mantissa if exponent == 0 else Decimal(mantissa, exponent)


def _aligned(first, second):
    first, first_exponent = _parts(first)
    second, second_exponent = _parts(second)
    exponent = min(first_exponent, second_exponent)
    first *= 10 ** (first_exponent - exponent)
    second *= 10 ** (second_exponent - exponent)
    return first, second, exponent


def _parts(value):
    return (value.mantissa, value.exponent) if isinstance(value, Decimal) else (value, 0)


def _stripped(decimal):
    mantissa, exponent = decimal.mantissa, decimal.exponent
    if mantissa == 0:
        return 0, 0
    while mantissa % 10 == 0:
        mantissa //= 10
        exponent += 1
    return mantissa, exponent


def _integer(text):
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not is_digits(digits):
        raise DecodeError("not a number")
    return int(text)


def _divide(numerator, denominator):
    quotient, remainder = divmod(numerator, denominator)
    remainder *= 2
    if remainder > denominator or (remainder == denominator and quotient & 1):
        quotient += 1
    return quotient


def _bits(value):
    return len(bin(value)) - 2 if value else 0


def _format(size):
    # Precision with the hidden bit; exponents of the highest and the lowest bit there can be.
    if size == 8:
        return 53, 1023, -1074
    if size == 4:
        return 24, 127, -149
    return 11, 15, -24


def _nearest(numerator, denominator, precision, lowest):
    exponent = _bits(numerator) - _bits(denominator) - precision
    if numerator << max(-exponent, 0) >= denominator << max(exponent, 0) + precision:
        exponent += 1
    exponent = max(exponent, lowest)
    return _divide(numerator << max(-exponent, 0), denominator << max(exponent, 0)), exponent


def _pack(is_negative, mantissa, exponent, size):
    precision, highest, lowest = _format(size)
    shift = min(precision - _bits(mantissa), exponent - lowest)
    if shift > 0:
        mantissa <<= shift
        exponent -= shift
    # A normal mantissa's hidden bit adds the 1 by which its exponent field is larger.
    bits = (exponent - lowest << precision - 1) + mantissa if mantissa else 0
    if bits >> precision - 1 > 2 * highest:
        return None
    return ((is_negative << size * 8 - 1) | bits).to_bytes(size, "big")


def _unpack(data):
    precision, highest, lowest = _format(len(data))
    bits = int.from_bytes(data, "big")
    mantissa = bits & (1 << precision - 1) - 1
    field = bits >> precision - 1 & 2 * highest + 1
    if field > 2 * highest:
        raise DecodeError("not a finite number")
    if field:
        mantissa |= 1 << precision - 1
        field -= 1
    return bits >> len(data) * 8 - 1 == 1, mantissa, lowest + field


def _shortest(data):
    is_negative, mantissa, exponent = _unpack(data)
    precision, _, lowest = _format(len(data))
    # Below a power of two the neighbour is half as far away as above it.
    is_boundary = mantissa == 1 << (precision - 1) and exponent > lowest
    # 10**power is at most ten times the distance between neighbours: 0.30103 is log10(2).
    power = exponent * 30103 // 100000 + 1
    while True:
        # The float is mantissa * 4 * quarter / denominator in units of 10**power.
        quarter = 10 ** max(-power, 0) << max(exponent, 0)
        denominator = 10 ** max(power, 0) << max(-exponent, 0) + 2
        decimal = _inside(mantissa, quarter, denominator, is_boundary)
        if decimal is not None:
            decimal = Decimal(-decimal if is_negative else decimal, power)
            return Decimal(*_stripped(decimal))
        power -= 1


def _inside(mantissa, quarter, denominator, is_boundary):
    value = 4 * mantissa * quarter
    below = value - quarter * (1 if is_boundary else 2)
    above = value + quarter * 2
    nearest = _divide(value, denominator)
    for candidate in (nearest, value // denominator, value // denominator + 1):
        scaled = candidate * denominator
        if below < scaled < above or (not mantissa & 1 and (scaled == below or scaled == above)):
            return candidate
    return None
