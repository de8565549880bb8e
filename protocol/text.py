"""Plain text of one value (LwM2M 1.1 Core 7.4.1 and appendix C)."""

from protocol import base64, data_types, number, utf8
from protocol.data_types import ObjectLink
from protocol.errors import DecodeError


def encode(value):
    """Return the value of a resource as text, in bytes; bytes in base64."""
    if isinstance(value, bool):
        text = "1" if value else "0"
    elif isinstance(value, str):
        text = value
    elif isinstance(value, bytes):
        text = base64.encode(value)
    elif isinstance(value, (ObjectLink, number.Decimal)):
        text = value.to_text()
    else:
        text = str(value)
    return text.encode()


def decode(data, data_type):
    """Return what the text `data` (bytes) says as `data_type`; None leaves it a str.

    Raises DecodeError.
    """
    text = utf8.decode(data)
    if data_type == data_types.BOOLEAN:
        if text not in ("0", "1"):
            raise DecodeError("neither 0 nor 1")
        return text == "1"
    if data_type == data_types.OPAQUE:
        return base64.decode(text)
    if data_type in data_types.NUMERIC:
        return data_types.coerce(number.from_text(text), data_type)
    return data_types.coerce(text, data_type)
