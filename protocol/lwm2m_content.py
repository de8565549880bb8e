"""Payloads of LwM2M operations: values and trees in every content format (Core 1.1 7.4).

A leaf is (path, value), its path a resource (3 ids) or a resource instance (4 ids).
"""

from protocol import base64, cbor, data_types, lwm2m_path, senml, senml_json, text, tlv
from protocol.data_types import ObjectLink
from protocol.errors import DecodeError, EncodeError, ProtocolError
from protocol.senml import Record

TEXT = 0
LINK_FORMAT = 40
OCTET_STREAM = 42
CBOR = 60
SENML_JSON = 110
SENML_CBOR = 112
TLV = 11542
# Numbers from before IANA assigned any; some clients of LwM2M 1.0 still send them.
OLD_TEXT = 1541
OLD_TLV = 1542
OLD_JSON = 1543
JSON = 11543

# These carry one value and no path; those carry any number of paths.
SINGLE_VALUE_FORMATS = (TEXT, OCTET_STREAM, CBOR)
COMPOSITE_FORMATS = (SENML_CBOR, SENML_JSON)

_TAG_EPOCH_TIME = 1


class UnsupportedFormat(ProtocolError):
    """No such content format here, or it cannot carry what is to be sent."""


def encode(content_format, base, leaves, type_of=None):
    """Return the payload of `leaves` read at, or to be written to, the path `base`.

    `type_of(path)` gives the data type or None. Raises UnsupportedFormat where the format is not
    known or cannot carry the leaves, EncodeError for values not of their type.
    """
    type_of = type_of or _no_type
    leaves = _all_checked(leaves, type_of)
    if content_format == SENML_CBOR:
        return senml.encode_cbor(_Records(leaves))
    if content_format == SENML_JSON:
        return senml_json.encode(_Records(leaves))
    if content_format == TLV and base:
        return tlv.encode(base, leaves, type_of)
    if len(leaves) != 1 or leaves[0][0] != base:
        raise UnsupportedFormat("not a single value")
    value = leaves[0][1]
    if content_format == TEXT:
        return text.encode(value)
    if content_format == CBOR:
        return cbor.encode(value.to_text() if isinstance(value, ObjectLink) else value)
    if content_format == OCTET_STREAM and isinstance(value, bytes):
        return value
    raise UnsupportedFormat("content format")


def decode(content_format, base, payload, type_of, instance_id=0):
    """Return the leaves of a payload read at, or written to, the path `base`; () if composite.

    Values are converted to the type that `type_of(path)` gives; where that is None they come as
    the format tells them, in TLV as bytes. `instance_id` is the instance of resources for which
    neither `base` nor the payload names one (a Create, or a client of LwM2M 1.0 reading). Raises
    UnsupportedFormat, and DecodeError on malformed payloads, wrong types, paths outside `base`.
    """
    if content_format in (SENML_CBOR, SENML_JSON, JSON, OLD_JSON):
        leaves = _record_leaves(_decode_records(content_format, base, payload))
        if content_format in (JSON, OLD_JSON):
            leaves = [(path, _opaque(value, type_of(path))) for path, value in leaves]
    elif content_format in (TLV, OLD_TLV):
        leaves = tlv.decode(base, payload, instance_id)
        leaves = [(path, tlv.decode_value(data, type_of(path))) for path, data in leaves]
    else:
        leaves = [(base, _decode_single(content_format, base, payload, type_of(base)))]
    for path, _ in leaves:
        if len(path) < 3 or not lwm2m_path.is_prefix(base, path):
            raise DecodeError("path outside what is addressed")
    return [(path, data_types.coerce(value, type_of(path))) for path, value in leaves]


def decode_paths(content_format, payload):
    """Return the paths that the body of a Read-Composite names; raises as `decode` does."""
    if content_format not in COMPOSITE_FORMATS:
        raise UnsupportedFormat("content format")
    records = _decode_records(content_format, (), payload)
    return [_path(record.name) for record in records]


def _no_type(path):
    return None


def _all_checked(leaves, type_of):
    """Return `leaves`; another list only where a value is not of its type as it stands."""
    is_ours = False
    for index in range(len(leaves)):
        path, value = leaves[index]
        checked = _checked(value, type_of(path))
        if checked is not value:
            if not is_ours:
                leaves = list(leaves)
                is_ours = True
            leaves[index] = (path, checked)
    return leaves


def _checked(value, data_type):
    try:
        return data_types.coerce(value, data_type)
    except DecodeError as error:
        raise EncodeError(str(error))


class _Records:
    """The records of `leaves`, each made when it is asked for: a node has no room for all."""

    def __init__(self, leaves):
        self._leaves = leaves

    def __len__(self):
        return len(self._leaves)

    def __getitem__(self, index):
        path, value = self._leaves[index]
        return Record(lwm2m_path.render(path), value)


def _decode_records(content_format, base, payload):
    if content_format == SENML_CBOR:
        return senml.decode_cbor(payload)
    if content_format == SENML_JSON:
        return senml_json.decode(payload)
    return senml_json.decode_lwm2m_json(payload, lwm2m_path.render(base))


def _record_leaves(records):
    leaves = []
    for record in records:
        if record.value is None:
            raise DecodeError("record without a value")
        leaves.append((_path(record.name), record.value))
    return leaves


def _opaque(value, data_type):
    is_text = data_type == data_types.OPAQUE and isinstance(value, str)
    return base64.decode(value) if is_text else value


def _path(name):
    # LwM2M's names begin with a slash, but RFC 8428 would not have it.
    return lwm2m_path.parse(name if name[0] == "/" else "/" + name)


def _decode_single(content_format, base, payload, data_type):
    if len(base) < 3:
        raise UnsupportedFormat("a single value for a whole tree")
    if content_format in (TEXT, OLD_TEXT):
        return text.decode(payload, data_type)
    if content_format == CBOR:
        item = cbor.decode(payload)
        is_time = isinstance(item, cbor.Tag) and item.number == _TAG_EPOCH_TIME
        return item.item if is_time and data_type in (data_types.TIME, None) else item
    if content_format == OCTET_STREAM and data_type in (data_types.OPAQUE, None):
        return bytes(payload)
    raise UnsupportedFormat("content format")
