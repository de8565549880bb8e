"""Which content format to use with a node, and its payloads in and out (OMA Core 7.4)."""

from collections.abc import Sequence

from gateway import resource_types
from gateway.readings import CONTENT_FORMATS, Readings, plain_value
from gateway.registration import Registration
from gateway.rows import Value
from protocol import lwm2m_content, lwm2m_path, senml, senml_json
from protocol.errors import DecodeError
from protocol.senml import Record

TEXT = 0
LINK_FORMAT = 40
OPAQUE = 42
CBOR = 60
SENML_JSON = 110
SENML_CBOR = 112
TLV = 11542

Path = tuple[int, ...]
Leaf = tuple[Path, Value]

_SENML = (SENML_CBOR, SENML_JSON)


def formats_to_accept(registration: Registration, path: Path) -> tuple[int | None, ...]:
    """Return what to ask for in a Read of `path`, best first; None lets the client choose.

    A 1.0 client has TLV, a later one should have SenML CBOR; one that lists formats means them.
    One resource of a 1.0 client is asked for in text, which shows the value of a resource whose
    type nobody knows, and which is all that the smallest clients have.
    """
    known = _known(registration, (SENML_CBOR, SENML_JSON, TLV))
    if registration.version == "1.0" and resource_types.is_plain(path):
        return (TEXT, *known, None)
    return (*known, None)


def formats_to_write(
    registration: Registration, path: Path, value: Value | None
) -> tuple[int, ...]:
    """Return what to write in, best first: `value` at the resource `path`, or None for several.

    What an operator wrote for a resource of unknown type goes as text: the client knows the type.
    """
    if value is None:
        return _known(registration, (SENML_CBOR, SENML_JSON, TLV))
    single = OPAQUE if isinstance(value, bytes) else TEXT
    if registration.version == "1.0":
        return (single, TLV)
    if isinstance(value, str) and resource_types.type_of(path) is None:
        return (TEXT, *_known(registration, (SENML_CBOR, SENML_JSON, TLV)))
    # Text is the one format that every client of every version has for a single resource.
    return tuple(dict.fromkeys((*_known(registration, (SENML_CBOR, SENML_JSON)), single, TLV)))


def composite_formats(registration: Registration) -> tuple[int, ...]:
    """Return what to use for the composite operations, best first."""
    return tuple(_known(registration, _SENML)) or _SENML


def _known(registration: Registration, formats: Sequence[int]) -> tuple[int, ...]:
    listed = registration.objects.formats
    if listed.intersection(formats):
        return tuple(number for number in formats if number in listed)
    return (TLV,) if registration.version == "1.0" else tuple(formats)


def encode(content_format: int, base: Path, leaves: Sequence[Leaf]) -> bytes:
    """Return the payload that carries `leaves`, all below `base`. Raises ProtocolError."""
    return lwm2m_content.encode(content_format, base, leaves, resource_types.type_of)


def encode_paths(content_format: int, paths: Sequence[Path]) -> bytes:
    """Return the body of a Read-Composite: names without values (OMA Core 6.3.8)."""
    records = [Record(lwm2m_path.render(path)) for path in paths]
    if content_format == SENML_JSON:
        return senml_json.encode(records)
    return senml.encode_cbor(records)


def decode(content_format: int | None, base: Path, payload: bytes) -> list[Leaf]:
    """Return the leaves of a node's answer for `base`, with the values as `rows.Value`.

    Without a content format it is text, as RFC 7252 section 5.5.1 leaves open and 1.0 clients do.
    SenML CBOR goes through cbor2. Values not of the type that the object table gives are shown as
    they came. Raises ProtocolError.
    """
    number = TEXT if content_format is None else content_format
    if number in CONTENT_FORMATS:
        return decode_senml(number, payload)
    try:
        leaves = lwm2m_content.decode(number, base, payload, resource_types.type_of)
    except DecodeError:
        leaves = lwm2m_content.decode(number, base, payload, lambda path: None)
    return [(path, plain_value(value)) for path, value in leaves]


def decode_senml(content_format: int, payload: bytes) -> list[Leaf]:
    """Return the leaves of a SenML payload; its times are left aside. Raises DecodeError."""
    leaves = []
    for record in Readings().decode(content_format, payload):
        path = lwm2m_path.parse(record.name)
        if len(path) < 3:
            raise DecodeError("not the path of a resource")
        leaves.append((path, plain_value(record.value)))
    return leaves
