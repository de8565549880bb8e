"""What two peers share to derive an OSCORE security context from (RFC 8613 3.2), as a file."""

from protocol import cbor
from protocol.errors import DecodeError, EncodeError

SECRET_LENGTH = 16
SALT_LENGTH = 8
ID_LENGTH = 4
ID_CONTEXT_LENGTH_MAX = 8
ENCODED_LENGTH_MAX = 64

_VERSION = 1
_KEYS = (1, 2, 3, 4, 5, 6)


class Credentials:
    """A node's or a gateway's side of a context: AES-CCM-16-64-128, HKDF SHA-256, window 32.

    `master_secret` 16 bytes, `master_salt` 8, `sender_id` and `recipient_id` 4 each and not the
    same, `id_context` 1 to 8 bytes or None. Raises EncodeError for others. Its text shows the
    ids alone.
    """

    _fields = ("master_secret", "master_salt", "sender_id", "recipient_id", "id_context")

    def __init__(self, master_secret, master_salt, sender_id, recipient_id, id_context=None):
        self.master_secret = _checked(master_secret, SECRET_LENGTH, SECRET_LENGTH)
        self.master_salt = _checked(master_salt, SALT_LENGTH, SALT_LENGTH)
        self.sender_id = _checked(sender_id, ID_LENGTH, ID_LENGTH)
        self.recipient_id = _checked(recipient_id, ID_LENGTH, ID_LENGTH)
        self.id_context = id_context
        if id_context is not None:
            _checked(id_context, 1, ID_CONTEXT_LENGTH_MAX)
        if sender_id == recipient_id:
            raise EncodeError("credentials: two peers with one id")

    def mirrored(self):
        """Return the other peer's side."""
        return Credentials(self.master_secret, self.master_salt, self.recipient_id,
                           self.sender_id, self.id_context)

    def renewed(self, id_context):
        """Return the same secret and ids with another `id_context`: other keys (RFC 8613 3.3)."""
        return Credentials(self.master_secret, self.master_salt, self.sender_id,
                           self.recipient_id, id_context)

    def __eq__(self, other):
        return isinstance(other, Credentials) and encode(self) == encode(other)

    def __repr__(self):
        # The default would do on CPython; a value class of another kind shows all its fields.
        return "Credentials(sender_id=%s)" % self.sender_id.hex()


def encode(credentials):
    """Return the bytes of `credentials`, at most 64: they hold the secret."""
    items = {1: _VERSION, 2: credentials.master_secret, 3: credentials.master_salt,
             4: credentials.sender_id, 5: credentials.recipient_id}
    if credentials.id_context is not None:
        items[6] = credentials.id_context
    return cbor.encode(items)


def decode(data):
    """Return the Credentials that `data` holds; DecodeError, which shows none of it, otherwise."""
    try:
        return _from_items(cbor.decode(data) if len(data) <= ENCODED_LENGTH_MAX else None)
    except EncodeError:
        raise DecodeError("credentials: a field of a wrong length")


def _from_items(items):
    if not isinstance(items, dict) or isinstance(items.get(1), bool) or items.get(1) != _VERSION:
        raise DecodeError("credentials: not a map of this version")
    for key in items:
        if key not in _KEYS or items[key] is None:
            raise DecodeError("credentials: an unknown field")
    return Credentials(items.get(2), items.get(3), items.get(4), items.get(5), items.get(6))


def _checked(value, least, most):
    if not isinstance(value, bytes) or not least <= len(value) <= most:
        raise EncodeError("credentials: a field of a wrong length")
    return value
