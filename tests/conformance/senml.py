"""SenML read and written by cbor2 and json alone, with LwM2M's names (RFC 8428; Core 7.4.4)."""

import json

import cbor2

CBOR, JSON = 112, 110
_LABELS = {"bn": -2, "bt": -3, "n": 0, "v": 2, "vs": 3, "vb": 4, "t": 6, "vd": 8}


def values(payload: bytes, content_format: int = CBOR) -> dict:
    """Return {path: value} of a pack in which each path occurs once."""
    found = {}
    for path, value, _ in records(payload, content_format):
        assert path not in found
        found[path] = value
    return found


def records(payload: bytes, content_format: int = CBOR) -> list:
    """Return the resolved (path, value, time or None) of a pack, in order."""
    items = json.loads(payload) if content_format == JSON else cbor2.loads(payload)
    base_name, base_time, found = "", 0, []
    for item in items:
        label = {name: item.get(name if content_format == JSON else number)
                 for name, number in _LABELS.items()}
        base_name = base_name if label["bn"] is None else label["bn"]
        base_time = base_time if label["bt"] is None else label["bt"]
        given = [label[name] for name in ("v", "vs", "vb", "vd") if label[name] is not None]
        given += [item["vlo"]] if "vlo" in item else []
        assert len(given) == 1, item
        found.append((base_name + (label["n"] or ""), given[0], base_time + (label["t"] or 0)))
    return found


def pack(content_format: int, entries: dict) -> bytes:
    """Return a pack of {path: value, or None for the name alone}."""
    items = []
    for path, value in entries.items():
        item = {"n": path}
        if isinstance(value, bool):
            item["vb"] = value
        elif value is not None:
            item["vs" if isinstance(value, str) else "v"] = value
        items.append(item)
    if content_format == JSON:
        return json.dumps(items).encode()
    return cbor2.dumps([{_LABELS[name]: value for name, value in item.items()} for item in items])
