"""The errors that input from outside may cause: ProtocolError and its three kinds."""


class ProtocolError(Exception):
    """Root of every error that protocol/ raises."""


class DecodeError(ProtocolError):
    """The peer's bytes are wrong."""


class EncodeError(ProtocolError):
    """Our own values cannot be written in this format."""


class SecurityError(ProtocolError):
    """Not authentic, or replayed; its message says no more."""
