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

_LWM2M_JSON_LABELS = (
    ("n", senml.NAME), ("t", senml.TIME), ("v", senml.VALUE), ("sv", senml.STRING_VALUE),
    ("bv", senml.BOOLEAN_VALUE), ("ov", senml.OBJECT_LINK_VALUE),
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


def decode_lwm2m_json(data, base_name):
    """Return the records of the JSON of LwM2M 1.0 (Core 1.0 6.4.4), read at the path `base_name`.

    Opaque values stay base64 texts: only their type tells them from strings.
    """
    pack = json_text.decode(data)
    if not isinstance(pack, dict) or not isinstance(pack.get("e"), list):
        raise DecodeError("not LwM2M JSON")
    items = [{senml.BASE_NAME: pack.get("bn", base_name), senml.BASE_TIME: pack.get("bt", 0)}]
    for entry in pack["e"]:
        if not isinstance(entry, dict):
            raise DecodeError("not LwM2M JSON")
        items.append(_renamed(entry, dict(_LWM2M_JSON_LABELS)))
    first = items.pop(0)
    if items:
        items[0].update(first)
    return senml.resolve(items)


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
