"""What an export of keys holds: nodes' credentials, as JSON lines in a sealed file."""

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gateway.registration import ENDPOINT_LENGTH_MAX
from gateway.sealed_file import SealedFileError
from protocol import credentials
from protocol.credentials import Credentials
from protocol.errors import DecodeError

NODES_MAX = 100_000


@dataclass(frozen=True, slots=True)
class ExportedKeys:
    """One context of one node, as the node holds it."""

    endpoint: str
    credentials: Credentials = field(repr=False)


def is_endpoint(written: object) -> bool:
    """Return whether `written` is a name under which a node could register, and be shown."""
    return (isinstance(written, str) and 0 < len(written.encode()) <= ENDPOINT_LENGTH_MAX
            and written.isprintable() and " " not in written)


def to_json(keys: ExportedKeys) -> dict[str, str]:
    """Return `keys` as the management API and an export write them."""
    encoded = base64.b64encode(credentials.encode(keys.credentials)).decode()
    return {"endpoint": keys.endpoint, "credentials": encoded}


def from_json(written: object) -> ExportedKeys:
    """Return what `to_json` wrote; raises DecodeError, which shows nothing of it."""
    if not isinstance(written, dict) or set(written) != {"endpoint", "credentials"}:
        raise DecodeError("no keys: endpoint and credentials are needed")
    endpoint, encoded = written["endpoint"], written["credentials"]
    if not is_endpoint(endpoint):
        raise DecodeError("no keys: the endpoint is no name")
    if not isinstance(encoded, str):
        raise DecodeError("no keys: the credentials are no text")
    try:
        data = base64.b64decode(encoded, validate=True)
    except ValueError:
        raise DecodeError("no keys: the credentials are not base64") from None
    return ExportedKeys(endpoint, credentials.decode(data))


def encode(keys: Iterable[ExportedKeys]) -> bytes:
    """Return the content of an export."""
    return b"".join(json.dumps(to_json(each)).encode() + b"\n" for each in keys)


def decode(data: bytes) -> Iterator[ExportedKeys]:
    """Yield what an export holds; raises SealedFileError where it is none."""
    for number, line in enumerate(data.splitlines(), 1):
        try:
            if number > NODES_MAX:
                raise DecodeError(f"more than {NODES_MAX} keys")
            yield from_json(json.loads(line))
        except (ValueError, DecodeError) as error:
            reason = error if isinstance(error, DecodeError) else "not JSON"
            raise SealedFileError(f"line {number}: {reason}") from None
