"""Device management: a server's request in, the response out (OMA Core 6.3, Transport 6.4.4)."""

from firmware.data_model import HIDDEN_OBJECTS
from firmware.discovery import discovered_links
from firmware.lwm2m_object import Refused
from protocol import coap_message as coap
from protocol import link_format, lwm2m_content, object_table
from protocol import lwm2m_operations as operations
from protocol.coap_values import Response
from protocol.data_types import OPAQUE
from protocol.errors import DecodeError, ProtocolError
from protocol.lwm2m_content import (
    COMPOSITE_FORMATS,
    LINK_FORMAT,
    OCTET_STREAM,
    SENML_CBOR,
    SINGLE_VALUE_FORMATS,
    TEXT,
    UnsupportedFormat,
)

PATHS_MAX = 16


class DeviceManagement:
    """Answers everything but observations, whose requests it only reads.

    `attributes` is the firmware.observation.AttributeStore that Write-Attributes fills.
    """

    def __init__(self, model, attributes):
        self._model = model
        self._attributes = attributes

    def respond(self, request):
        """Return (Response, Operation or None); whatever is wrong becomes a response code."""
        operation = None
        try:
            operation = operations.classify(request)
            return self._perform(operation, request.payload), operation
        except Refused as refusal:
            code = refusal.code
        except UnsupportedFormat:
            code = coap.UNSUPPORTED_CONTENT_FORMAT
        except ProtocolError:
            code = coap.BAD_REQUEST if operation else coap.NOT_FOUND
        return Response(code), operation

    def paths(self, operation, payload):
        """Return the paths that a Read, or the body of a Read-Composite, names."""
        if operation.kind == operations.READ:
            return [operation.path]
        self._check_composite(operation)
        paths = lwm2m_content.decode_paths(operation.content_format, payload)
        if not paths or len(paths) > PATHS_MAX:
            raise Refused(coap.BAD_REQUEST)
        # Beside others they are left out, as what is not there (OMA Core 6.3.9).
        if all([path and path[0] in HIDDEN_OBJECTS for path in paths]):
            raise Refused(coap.UNAUTHORIZED)
        return paths

    def state(self, paths, is_composite, content_format):
        """Return the Response that says how `paths` are, for a notification."""
        try:
            return self._read(paths, is_composite, content_format)
        except Refused as refusal:
            return Response(refusal.code)

    def present_leaves(self, paths):
        """Return the leaves of the paths, without those that are not there or not readable."""
        leaves = []
        for path in paths:
            try:
                leaves.extend(self._model.leaves(path))
            except Refused:
                pass
        return leaves

    def _perform(self, operation, payload):
        kind, path = operation.kind, operation.path
        if path:
            # Whatever the method: 4.01 for the hidden objects.
            self._model.object(path[0])
        if kind is None or not path and kind < operations.READ_COMPOSITE:
            raise Refused(coap.METHOD_NOT_ALLOWED)
        if kind == operations.READ:
            return self._read([path], False, operation.accept)
        if kind == operations.READ_COMPOSITE:
            return self._read_composite(operation, payload)
        if kind == operations.DISCOVER:
            return self._discover(operation)
        if kind == operations.CREATE:
            return self._create(operation, payload)
        if kind == operations.DELETE:
            if len(path) != 2:
                raise Refused(coap.METHOD_NOT_ALLOWED)
            self._model.delete(path)
            self._attributes.forget(path)
            return Response(coap.DELETED)
        if kind == operations.EXECUTE:
            self._execute(operation, payload)
        elif kind == operations.WRITE_ATTRIBUTES:
            self._model.children(path)
            self._attributes.write(path, operation.queries)
        elif kind == operations.WRITE_COMPOSITE:
            self._check_composite(operation)
            leaves = _decode(operation, payload)
            if not leaves:
                raise Refused(coap.BAD_REQUEST)
            self._model.write(leaves, True, False)
        else:
            self._write(operation, payload)
        return Response(coap.CHANGED)

    def _read(self, paths, is_composite, content_format):
        if not is_composite:
            return self._content(paths[0], self._model.leaves(paths[0]), content_format)
        # What is missing is left out (OMA Core 6.3.9).
        return self._encoded(content_format, (), self.present_leaves(paths))

    def _read_composite(self, operation, payload):
        paths = self.paths(operation, payload)
        accept = operation.content_format if operation.accept is None else operation.accept
        if accept not in COMPOSITE_FORMATS:
            raise Refused(coap.NOT_ACCEPTABLE)
        return self._read(paths, True, accept)

    def _check_composite(self, operation):
        if operation.content_format not in COMPOSITE_FORMATS:
            raise Refused(coap.UNSUPPORTED_CONTENT_FORMAT)

    def _content(self, path, leaves, accept):
        is_value = len(path) == 4 or len(path) == 3 and not self._is_multiple(path)
        if accept is None:
            accept = SENML_CBOR
            if is_value:
                is_opaque = object_table.type_of(path) == OPAQUE
                accept = OCTET_STREAM if is_opaque else TEXT
        elif accept in SINGLE_VALUE_FORMATS and not is_value:
            raise Refused(coap.NOT_ACCEPTABLE)
        return self._encoded(accept, path, leaves)

    def _is_multiple(self, path):
        return object_table.resource(path[0], path[2]).is_multiple

    def _encoded(self, content_format, base, leaves):
        try:
            payload = lwm2m_content.encode(content_format, base, leaves, object_table.type_of)
        except ProtocolError:
            raise Refused(coap.NOT_ACCEPTABLE)
        return Response(coap.CONTENT, payload, content_format)

    def _discover(self, operation):
        depth = None
        for query in operation.queries:
            if query.startswith("depth="):
                depth = query[6:]
                if depth not in ("0", "1", "2", "3"):
                    raise Refused(coap.BAD_REQUEST)
                depth = min(int(depth), 4 - len(operation.path))
        links = discovered_links(self._model, self._attributes, operation.path, depth)
        return Response(coap.CONTENT, link_format.encode(links), LINK_FORMAT)

    def _write(self, operation, payload):
        path = operation.path
        if len(path) < 2:
            raise Refused(coap.METHOD_NOT_ALLOWED)
        # 4.04 and 4.05 tell more than a payload that cannot be understood.
        self._model.children(path)
        if len(path) > 2 and "W" not in object_table.resource(path[0], path[2]).operations:
            raise Refused(coap.METHOD_NOT_ALLOWED)
        if operation.content_format is None:
            raise Refused(coap.UNSUPPORTED_CONTENT_FORMAT)
        leaves = _decode(operation, payload)
        is_replacing = operation.kind == operations.WRITE_REPLACE and len(path) < 4
        empties = ()
        if not leaves:
            if len(path) != 3 or not is_replacing or not self._is_multiple(path):
                raise Refused(coap.BAD_REQUEST)
            empties = (path,)
        replaced = path if is_replacing and len(path) == 2 else None
        self._model.write(leaves, len(path) > 2, is_replacing, empties, replaced)

    def _execute(self, operation, payload):
        if payload and operation.content_format not in (None, TEXT):
            raise Refused(coap.UNSUPPORTED_CONTENT_FORMAT)
        try:
            arguments = str(payload, "utf-8")
        except UnicodeError:
            raise DecodeError("arguments are not UTF-8")
        operations.parse_arguments(arguments)
        self._model.execute(operation.path, arguments)

    def _create(self, operation, payload):
        object_id = operation.path[0]
        instance_id = self._model.free_instance_id(object_id)
        leaves = _decode(operation, payload, instance_id)
        if leaves:
            instance_id = leaves[0][0][1]
        for path, _ in leaves:
            if path[1] != instance_id:
                raise Refused(coap.BAD_REQUEST)
        self._model.create(object_id, instance_id, leaves)
        return Response(coap.CREATED, location=(str(object_id), str(instance_id)))


def _decode(operation, payload, instance_id=0):
    return lwm2m_content.decode(operation.content_format, operation.path, payload,
                                object_table.type_of, instance_id)
