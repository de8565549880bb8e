"""The value of the OSCORE option (RFC 8613 6.1)."""

from protocol.errors import DecodeError

PIV_LENGTH_MAX = 5

_LENGTH_MAX = 255
_PIV_LENGTH = 0x07
_KID = 0x08
_KID_CONTEXT = 0x10
_RESERVED = 0xE0


class OscoreOption:
    """What names a message's keys and nonce; each is bytes, or None where it is absent.

    `piv` is 1 to 5 bytes without leading zeros (0 is one zero byte).
    """

    _fields = ("piv", "kid_context", "kid")

    def __init__(self, piv=None, kid_context=None, kid=None):
        self.piv = piv
        self.kid_context = kid_context
        self.kid = kid

    def encode(self):
        """Return the option value."""
        flags = 0
        value = b""
        if self.piv is not None:
            flags = len(self.piv)
            value = self.piv
        if self.kid_context is not None:
            flags |= _KID_CONTEXT
            value += bytes((len(self.kid_context),)) + self.kid_context
        if self.kid is not None:
            flags |= _KID
            value += self.kid
        return bytes((flags,)) + value if flags else value


def decode(value):
    """Return the OscoreOption that the option value holds.

    Raises DecodeError on anything malformed: reserved bits, a Partial IV of 6 or 7 bytes or with
    leading zeros, bytes missing or left over, flags of zero written out.
    """
    if not value:
        return OscoreOption()
    flags = value[0]
    end = 1 + (flags & _PIV_LENGTH)
    piv = value[1:end] if end > 1 else None
    if not flags or flags & _RESERVED or end > 1 + PIV_LENGTH_MAX or len(value) > _LENGTH_MAX:
        raise DecodeError("OSCORE option: flags or length")
    if end > 2 and value[1:2] == b"\0":
        raise DecodeError("OSCORE option: Partial IV with leading zeros")
    kid_context = kid = None
    if flags & _KID_CONTEXT and end < len(value):
        start = end + 1
        end = start + value[end]
        kid_context = value[start:end]
    elif flags & _KID_CONTEXT:
        raise DecodeError("OSCORE option: no kid context")
    if end > len(value):
        raise DecodeError("OSCORE option: bytes missing")
    if flags & _KID:
        kid = value[end:]
    elif end < len(value):
        raise DecodeError("OSCORE option: bytes left over")
    return OscoreOption(piv, kid_context, kid)
