"""SenML in JSON (RFC 8428 section 5), numbers and times exact."""

from protocol import base64, json_text, senml
from protocol.errors import DecodeError

# The JSON labels by CBOR label (RFC 8428 table 4).
_LABELS = (
    ("bver", senml.BASE_VERSION), ("bn", senml.BASE_NAME), ("bt", senml.BASE_TIME),
    ("bu", senml.BASE_UNIT), ("bv", senml.BASE_VALUE), ("bs", senml.BASE_SUM),
    ("n", senml.NAME), ("u", senml.UNIT), ("v", senml.VALUE), ("vs", senml.STRING_VALUE),
    ("vb", senml.BOOLEAN_VALUE), ("s", senml.SUM), ("t", senml.TIME),
    ("ut", senml.UPDATE_TIME), ("vd", senml.DATA_VALUE),
)  # fmt: skip


def encode(records, version=None):
    """Return the SenML JSON pack of `records` as bytes; `version` as in senml.build."""
    items = []
    for item in senml.build(records, version):
        if senml.DATA_VALUE in item:
            item[senml.DATA_VALUE] = base64.encode_url(item[senml.DATA_VALUE])
        items.append(_renamed(item, {label: name for name, label in _LABELS}))
    return json_text.encode(items)


def decode(data):
    """Return the resolved records of the SenML JSON pack `data` (bytes); raises DecodeError."""
    items = json_text.decode(data)
    if not isinstance(items, list):
        raise DecodeError("not a SenML pack")
    labels = dict(_LABELS)
    return senml.resolve([_decoded(item, labels) for item in items])


def _decoded(item, labels):
    if not isinstance(item, dict):
        raise DecodeError("SenML record not a map")
    item = _renamed(item, labels)
    if senml.DATA_VALUE in item:
        if not isinstance(item[senml.DATA_VALUE], str):
            raise DecodeError("data value not a text")
        item[senml.DATA_VALUE] = base64.decode_url(item[senml.DATA_VALUE])
    return item


def _renamed(item, labels):
    return {labels.get(label, label): item[label] for label in item}
