"""What a CoAP request means to an LwM2M client (OMA Transport 1.1.1, tables 6.4.4-1, 6.4.5-1)."""

from protocol import coap_message as coap
from protocol import lwm2m_path, object_table
from protocol.errors import DecodeError
from protocol.lwm2m_content import LINK_FORMAT

READ, DISCOVER, WRITE_REPLACE, WRITE_PARTIAL, WRITE_ATTRIBUTES, EXECUTE, CREATE, DELETE = range(8)
READ_COMPOSITE, WRITE_COMPOSITE = 8, 9

ARGUMENTS_LENGTH_MAX = 256


class Operation:
    """One operation: its kind, the ids of its path, and what the options say.

    `kind` is None where the method has no meaning at this path. `observe` is None, 0 (observe)
    or 1 (cancel).
    """

    _fields = ("kind", "path", "accept", "content_format", "queries", "observe")

    def __init__(self, kind, path, accept, content_format, queries, observe):
        self.kind = kind
        self.path = path
        self.accept = accept
        self.content_format = content_format
        self.queries = queries
        self.observe = observe


def classify(request):
    """Return the Operation that `request` (code, path, queries and so on) asks for.

    Raises DecodeError where the path is not one of LwM2M ids, so that nothing can be there.
    """
    path = _ids(request.path)
    observe = request.observe if request.code in (coap.GET, coap.FETCH) else None
    return Operation(_kind(request, path), path, request.accept, request.content_format,
                     request.queries, observe)


def parse_arguments(text):
    """Return the arguments of an Execute as [(digit, value or None)] (OMA Core 6.3.5).

    Raises DecodeError. Shape: `0='a',1`, each digit at most once; no quote inside a value.
    """
    if len(text) > ARGUMENTS_LENGTH_MAX:
        raise DecodeError("arguments longer than %d" % ARGUMENTS_LENGTH_MAX)
    arguments = []
    at = 0
    while text:
        digit = text[at:at + 1]
        at += 1
        if not digit or digit not in "0123456789" or int(digit) in [a[0] for a in arguments]:
            raise DecodeError("argument %d has no digit of its own" % len(arguments))
        value = None
        if text[at:at + 2] == "='":
            end = text.find("'", at + 2)
            if end < 0:
                raise DecodeError("argument %s has no end" % digit)
            value = text[at + 2:end]
            at = end + 1
        arguments.append((int(digit), value))
        if at == len(text):
            break
        if text[at] != ",":
            raise DecodeError("comma expected after argument %s" % digit)
        at += 1
    return arguments


def _ids(segments):
    # A client that was given the URI "/" may send one empty segment, and "/3/" a last one.
    if segments and segments[-1] == "":
        segments = segments[:-1]
    return lwm2m_path.from_segments(segments)


def _kind(request, path):
    code = request.code
    if not path:
        return {coap.FETCH: READ_COMPOSITE, coap.IPATCH: WRITE_COMPOSITE}.get(code)
    if code == coap.GET:
        return DISCOVER if request.accept == LINK_FORMAT else READ
    if code == coap.PUT:
        has_body = request.content_format is not None or request.payload
        return WRITE_REPLACE if has_body else WRITE_ATTRIBUTES
    if code == coap.POST:
        return _kind_of_post(path)
    return DELETE if code == coap.DELETE else None


def _kind_of_post(path):
    if len(path) == 1:
        return CREATE
    if len(path) == 3:
        # A partial write is for what has instances of its own (OMA Core 6.3.3).
        resource = object_table.resource(path[0], path[2])
        return WRITE_PARTIAL if resource and resource.is_multiple else EXECUTE
    return WRITE_PARTIAL
