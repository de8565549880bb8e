"""What a request of the management API is about to change, in words for the audit log."""

from gateway.api_requests import Wrong
from gateway.audit import Deed, command_deed, path_ids, value_text
from gateway.command_rights import SECURITY_OBJECTS
from gateway.commands import Request
from gateway.names import Path, json_value
from gateway.operations import Operation
from protocol import lwm2m_path

READING = ("read", "read-composite", "discover", "ping")


def operation_deed(endpoint: str, operation: Operation) -> Deed | None:
    """Return what `operation` changes, None if it only reads.

    Raises Wrong for what would change a node's keys: they have a way of their own.
    """
    if operation.kind in READING:
        return None
    leaves = [path for path, _ in operation.leaves]
    _check(operation.path, *leaves)
    return Deed(operation.kind, endpoint, lwm2m_path.render(operation.path),
                _operation_value(operation, leaves))


def _operation_value(operation: Operation, leaves: list[Path]) -> str | None:
    if operation.arguments or operation.attributes:
        return value_text(operation.arguments or list(operation.attributes), [operation.path])
    if operation.leaves:
        written = {lwm2m_path.render(path): json_value(value) for path, value in operation.leaves}
        return value_text(written, leaves)
    if operation.value is None:
        return None
    return value_text(json_value(operation.value), [operation.path])


def api_command_deed(request: Request) -> Deed:
    """Return what a command is to change; raises Wrong for what would change a node's keys."""
    _check(path_ids(request.path))
    return command_deed(request)


def _check(*paths: Path) -> None:
    for path in paths:
        if path and path[0] in SECURITY_OBJECTS:
            raise Wrong(403, f"/{path[0]} holds keys: 'faubourg keys' alone changes them")
