"""What a request made a node do, told from the request and the answer that it got."""

from typing import Any

from protocol import coap_message as coap
from protocol import lwm2m_content, lwm2m_operations, lwm2m_path, object_table
from protocol.coap_values import Request, Response
from protocol.errors import ProtocolError
from protocol.lwm2m_operations import (
    EXECUTE,
    WRITE_COMPOSITE,
    WRITE_PARTIAL,
    WRITE_REPLACE,
)

Deed = tuple[str, str, Any]
"""Operation ("write" or "execute"), path of the resource, and value or arguments."""

_WRITES = (WRITE_REPLACE, WRITE_PARTIAL, WRITE_COMPOSITE)


def deeds_of(request: Request, response: Response) -> list[Deed]:
    """Return what the node did: nothing unless it answered with success."""
    if not coap.is_success(response.code):
        return []
    try:
        operation = lwm2m_operations.classify(request)
        if operation.kind == EXECUTE:
            return [("execute", lwm2m_path.render(operation.path), request.payload.decode())]
        if operation.kind not in _WRITES:
            return []
        base = () if operation.kind == WRITE_COMPOSITE else operation.path
        leaves = lwm2m_content.decode(operation.content_format, base, request.payload,
                                      object_table.type_of)
    except (ProtocolError, UnicodeDecodeError):
        # The node understood it in a way that this one does not: that is no deed of a command.
        return []
    return [("write", lwm2m_path.render(path), value) for path, value in leaves]
