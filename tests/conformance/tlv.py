"""TLV of a resource level, read and written without the codec that is judged (Core 7.4.3)."""

OBJECT_INSTANCE, RESOURCE_INSTANCE, MULTIPLE_RESOURCE, RESOURCE = range(4)


def resources(data: bytes) -> dict:
    """Return {resource id: value bytes, or {instance id: value bytes} of a multiple resource}.

    `data` is what a Read of an object instance gives; an enclosing object instance is opened.
    """
    found = {}
    for kind, number, value in _entries(data):
        if kind == OBJECT_INSTANCE:
            found.update(resources(value))
        elif kind == MULTIPLE_RESOURCE:
            found[number] = {inner: content for _, inner, content in _entries(value)}
        else:
            assert kind == RESOURCE
            found[number] = value
    return found


def integer(value: bytes) -> int:
    """Return a signed number of 1, 2, 4 or 8 bytes."""
    assert len(value) in (1, 2, 4, 8)
    return int.from_bytes(value, "big", signed=True)


def resource(number: int, value: bytes) -> bytes:
    """Return the TLV of a resource with an id below 256 and less than 256 bytes."""
    if len(value) < 8:
        return bytes((RESOURCE << 6 | len(value), number)) + value
    return bytes((RESOURCE << 6 | 1 << 3, number, len(value))) + value


def _entries(data: bytes):
    at = 0
    while at < len(data):
        head = data[at]
        id_end = at + 2 + (head >> 5 & 1)
        number = int.from_bytes(data[at + 1:id_end], "big")
        length_end = id_end + (head >> 3 & 3)
        length = int.from_bytes(data[id_end:length_end], "big") or head & 7
        at = length_end + length
        assert at <= len(data)
        yield head >> 6, number, data[length_end:at]
