"""What a client says of itself when it registers (OMA LwM2M Transport 6.4.3, Core 6.2)."""

from dataclasses import dataclass, replace

from gateway.refusal import Refused
from protocol import link_format, lwm2m_path
from protocol.errors import DecodeError

LINK_FORMAT = 40
ENDPOINT_LENGTH_MAX = 252  # of an Uri-Query option's 255 bytes, "ep=" takes three
LIFETIME_DEFAULT_S = 86_400
LIFETIME_MAX_S = 2**32 - 1
LINKS_MAX = 1024
VERSIONS = ("1.0", "1.1", "1.2")
_BINDINGS = frozenset("UTSNMHQ")
_ROOT_TYPE = "oma.lwm2m"


@dataclass(frozen=True, slots=True)
class ObjectList:
    """The objects of a client, as its links name them.

    `root` is the alternate path its objects stand under, as URI segments; `formats` the content
    formats it claims to support (`ct` of the root link), empty if it claims none.
    """

    text: str
    root: tuple[str, ...]
    formats: frozenset[int]
    instances: frozenset[tuple[int, ...]]  # (object,) without instances and (object, instance)
    versions: tuple[tuple[int, str], ...]  # of the objects that state one

    def instances_of(self, object_id: int) -> list[tuple[int, ...]]:
        """Return the paths of an object's instances, in order."""
        found = (path for path in self.instances if path[0] == object_id and len(path) == 2)
        return sorted(found)

    def covers(self, path: tuple[int, ...]) -> bool:
        """Return whether the object instance that `path` lies in is registered."""
        return path[:2] in self.instances

    def version_of(self, object_id: int) -> str:
        """Return the version of an object; one that states none is 1.0 (Core 7.2.2)."""
        return dict(self.versions).get(object_id, "1.0")


@dataclass(frozen=True, slots=True)
class Registration:
    """The parameters of a Register, with the defaults of those that were not given."""

    endpoint: str
    version: str
    lifetime_s: int  # 0: without end (Core 1.1 E.2)
    binding: str
    is_queue_mode: bool
    objects: ObjectList


def parse(
    queries: tuple[str, ...],
    content_format: int | None,
    payload: bytes,
    owner: str | None = None,
) -> Registration:
    """Return what a Register request says; raises Refused.

    `owner` is the node whose keys protect it, if any: it need not name itself, and can name no
    other (LwM2M Transport 5.5.5).

    What 1.1 requires and 1.0 or a sloppy client leaves out is filled in: version 1.0, lifetime
    86400, binding U. `b=UQ`, of 1.0, is understood in any version. Unknown parameters, and `sms`,
    are ignored.
    """
    given = _parameters(queries)
    endpoint = given.get("ep") or owner or ""
    if owner is not None and endpoint != owner:
        raise Refused("4.00", "ep is not the owner of these keys")
    if not endpoint:
        raise Refused("4.00", "ep is missing")
    if len(endpoint.encode()) > ENDPOINT_LENGTH_MAX:
        raise Refused("4.00", "ep is too long")
    version = _version(given.get("lwm2m") or "1.0")
    binding, is_queue_mode = _binding(given, "U")
    objects = parse_objects(content_format, payload)
    if not objects.instances:
        raise Refused("4.00", "no object is listed")
    lifetime_s = _lifetime(given, LIFETIME_DEFAULT_S)
    return Registration(endpoint, version, lifetime_s, binding, is_queue_mode, objects)


def update(
    known: Registration, queries: tuple[str, ...], content_format: int | None, payload: bytes
) -> Registration:
    """Return `known` with what an Update request changes; raises Refused."""
    given = _parameters(queries)
    if "ep" in given or "lwm2m" in given:
        raise Refused("4.00", "ep and lwm2m cannot be updated")
    changed = replace(known, lifetime_s=_lifetime(given, known.lifetime_s))
    if "b" in given or "Q" in given:
        binding, is_queue_mode = _binding(given, known.binding)
        changed = replace(changed, binding=binding, is_queue_mode=is_queue_mode)
    if payload:
        changed = replace(changed, objects=parse_objects(content_format, payload))
    return changed


def _parameters(queries: tuple[str, ...]) -> dict[str, str | None]:
    given: dict[str, str | None] = {}
    for query in queries:
        name, equals, value = query.partition("=")
        if name in given:
            raise Refused("4.00", f"{name[:16]} is given twice")
        given[name] = value if equals else None
    return given


def _version(text: str) -> str:
    """Return the enabler's version; a service release ("1.0.2"), which changes no wire, is cut."""
    *enabler, last = text.split(".")
    version = ".".join(enabler) if len(enabler) == 2 and last.isdecimal() else text
    if version not in VERSIONS:
        raise Refused("4.12", "lwm2m must be one of " + ", ".join(VERSIONS))
    return version


def _lifetime(given: dict[str, str | None], default_s: int) -> int:
    if "lt" not in given:
        return default_s
    text = given["lt"] or ""
    if not (text.isascii() and text.isdigit() and len(text) <= 10) or int(text) > LIFETIME_MAX_S:
        raise Refused("4.00", "lt must be a number of seconds")
    return int(text)


def _binding(given: dict[str, str | None], default: str) -> tuple[str, bool]:
    binding = given.get("b", default) or ""
    if not binding or not _BINDINGS.issuperset(binding):
        raise Refused("4.00", "b must be made of the letters U, T, S, N, M, H")
    is_queue_mode = "Q" in given or "Q" in binding
    return binding.replace("Q", "") or "U", is_queue_mode


def parse_objects(content_format: int | None, payload: bytes) -> ObjectList:
    """Return the objects of a Register's or Update's payload; raises Refused.

    Links that are no object or object instance, and unknown attributes, are ignored (Core 6.2.1).
    """
    if content_format not in (None, LINK_FORMAT):
        raise Refused("4.15", "the object list must be application/link-format (40)")
    try:
        links = link_format.decode(payload)
        text = payload.decode()
    except (DecodeError, UnicodeDecodeError):
        raise Refused("4.00", "the object list is not link format") from None
    if len(links) > LINKS_MAX:
        raise Refused("4.13", f"more than {LINKS_MAX} links")
    root, formats = _root(links)
    instances: dict[tuple[int, ...], str | None] = {}
    for link in links:
        path = _object_path(link.target, root)
        if path is not None:
            instances[path] = dict(link.attributes).get("ver")
    # An object that also lists an instance stands there for its version only.
    owners = {path[0] for path in instances if len(path) == 2}
    listed = frozenset(path for path in instances if len(path) == 2 or path[0] not in owners)
    versions = {path[0]: version for path, version in instances.items() if version}
    return ObjectList(text, root, formats, listed, tuple(sorted(versions.items())))


def _root(links: list) -> tuple[tuple[str, ...], frozenset[int]]:
    for link in links:
        attributes = dict(link.attributes)
        if link.target == "/" or _ROOT_TYPE in (attributes.get("rt") or "").split():
            segments = tuple(part for part in link.target.split("/") if part)
            formats = (attributes.get("ct") or "").split()
            return segments, frozenset(int(text) for text in formats if text.isdecimal())
    return (), frozenset()


def _object_path(target: str, root: tuple[str, ...]) -> tuple[int, ...] | None:
    segments = tuple(target.strip("/").split("/"))
    if segments[: len(root)] != root or not 1 <= len(segments) - len(root) <= 2:
        return None
    try:
        return lwm2m_path.from_segments(segments[len(root) :])
    except DecodeError:
        return None
