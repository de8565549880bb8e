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
    """Return the links at `path` and down to `depth` levels below it.

    Without `depth` to the resources, and of a resource to its instances. The first link carries
    the notification attributes that hold there, inherited ones included, the others their own.
    """
    if depth is None:
        depth = 2 if len(path) == 1 else 1
    links = []
    level = [path]
    for step in range(depth + 1):
        below = []
        for found in level:
            children = model.children(found)
            below.extend(children)
            shown = attributes.effective(found) if step == 0 else attributes.own(found)
            links.append(Link(render(found), _properties(found, children) + shown))
        level = below
    links.sort(key=_target_ids)
    return links


def _properties(path, children):
    if len(path) == 1:
        version = object_table.link_version(path[0])
        return (("ver", version),) if version else ()
    if len(path) == 3 and object_table.resource(path[0], path[2]).is_multiple:
        return (("dim", str(len(children))),)
    return ()


def _target_ids(link):
    return [int(number) for number in link.target[1:].split("/")]
