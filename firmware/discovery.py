"""What is there, as CoRE links: for Register and for Discover (OMA Core 6.2.1, 6.3.4)."""

from protocol import object_table
from protocol.link_format import Link
from protocol.lwm2m_path import render

# Of the formats that we know the best one alone: there are servers that refuse lists of them.
ROOT_ATTRIBUTES = (("rt", "oma.lwm2m"), ("ct", "112"))


def registration_links(model, has_root):
    """Return the links of a registration: with `has_root` the root, then objects and instances."""
    links = [Link("/", ROOT_ATTRIBUTES)] if has_root else []
    for object_id in model.object_ids:
        instances = model.children((object_id,))
        version = object_table.link_version(object_id)
        if version or not instances:
            links.append(Link(render((object_id,)), (("ver", version),) if version else ()))
        for path in instances:
            links.append(Link(render(path), ()))
    return links


def discovered_links(model, attributes, path, depth=None):
    """Give the links at `path` and down to `depth` levels below it, in the order of their paths.

    Without `depth` to the resources, and of a resource to its instances. The first link carries
    the notification attributes that hold there, inherited ones included, the others their own.
    """
    if depth is None:
        depth = 2 if len(path) == 1 else 1
    waiting = [path]
    while waiting:
        found = waiting.pop()
        children = model.children(found)
        shown = attributes.effective(found) if found == path else attributes.own(found)
        yield Link(render(found), _properties(found, children) + shown)
        if len(found) < len(path) + depth:
            waiting.extend(reversed(children))


def _properties(path, children):
    if len(path) == 1:
        version = object_table.link_version(path[0])
        return (("ver", version),) if version else ()
    if len(path) == 3 and object_table.resource(path[0], path[2]).is_multiple:
        return (("dim", str(len(children))),)
    return ()
