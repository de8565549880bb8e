"""The node's objects as one tree of values: what is there, what it says, what it takes.

All errors are firmware.lwm2m_object.Refused with the response code of OMA Transport 6.4.4.
"""

from firmware.lwm2m_object import Refused
from protocol import coap_message as coap
from protocol import object_table

# Security and OSCORE: never listed, never answered (OMA Core E.1, E.9).
HIDDEN_OBJECTS = (0, 21)


class DataModel:
    """The objects of a node, by id; `instances_version` grows when an instance comes or goes."""

    def __init__(self, objects):
        self._objects = {}
        for lwm2m_object in objects:
            self._objects[lwm2m_object.object_id] = lwm2m_object
        self.object_ids = tuple(sorted(self._objects))
        self.instances_version = 0

    def object(self, object_id):
        """Return the object; 4.01 for the hidden ones, 4.04 if there is none."""
        if object_id in HIDDEN_OBJECTS:
            raise Refused(coap.UNAUTHORIZED)
        if object_id not in self._objects:
            raise Refused(coap.NOT_FOUND)
        return self._objects[object_id]

    def children(self, path):
        """Return the paths one level below `path`, ascending; 4.04 if `path` is not there."""
        if not path:
            return [(object_id,) for object_id in self.object_ids]
        parent = self.object(path[0])
        if len(path) == 1:
            return [path + (instance_id,) for instance_id in parent.instance_ids()]
        if path[1] not in parent.instance_ids():
            raise Refused(coap.NOT_FOUND)
        if len(path) == 2:
            return [path + (resource_id,) for resource_id in parent.resource_ids(path[1])]
        if path[2] not in parent.resource_ids(path[1]):
            raise Refused(coap.NOT_FOUND)
        resource = object_table.resource(path[0], path[2])
        if not resource.is_multiple or "R" not in resource.operations:
            instance_ids = ()
        else:
            instance_ids = sorted(parent.read(path[1], path[2]))
        if len(path) == 3:
            return [path + (instance_id,) for instance_id in instance_ids]
        if path[3] not in instance_ids:
            raise Refused(coap.NOT_FOUND)
        return []

    def leaves(self, path):
        """Return [(path, value)] of all that is readable at and below `path`, ascending.

        4.05 for a resource that cannot be read. Below an object or an instance such resources
        are left out.
        """
        if len(path) < 3:
            found = []
            for child in self.children(path):
                if len(child) < 3 or self._is_readable(child):
                    found.extend(self.leaves(child))
            return found
        # Raises 4.04 where nothing is.
        self.children(path)
        if not self._is_readable(path):
            raise Refused(coap.METHOD_NOT_ALLOWED)
        value = self._objects[path[0]].read(path[1], path[2])
        if len(path) == 4:
            return [(path, value[path[3]])]
        if isinstance(value, dict):
            return [(path + (key,), value[key]) for key in sorted(value)]
        return [(path, value)]

    def _is_readable(self, path):
        return "R" in object_table.resource(path[0], path[2]).operations

    def write(self, leaves, is_strict, is_replacing, empties=(), replaced=None):
        """Write all leaves or, if one of them is Refused, none.

        `is_strict`: a resource that is not there gives 4.04, else it is passed over (OMA Core
        6.3.3: an unknown optional resource is ignored). `is_replacing`: a multiple resource loses
        the instances that the leaves do not name. `empties`: multiple resources left without any.
        `replaced`: an instance whose other optional resources return to their defaults (its path).
        """
        plan = self._plan(leaves, is_strict, is_replacing)
        for path in empties:
            plan[path] = {}
        if replaced:
            defaults = self._objects[replaced[0]].defaults
            for resource_id in defaults:
                plan.setdefault(replaced + (resource_id,), defaults[resource_id])
        for path in plan:
            self._objects[path[0]].check(path[1], path[2], plan[path])
        written = {}
        for path in sorted(plan):
            lwm2m_object = self._objects[path[0]]
            if path[:2] not in written:
                written[path[:2]] = []
                lwm2m_object.begin_write()
            lwm2m_object.write(path[1], path[2], plan[path])
            written[path[:2]].append(path[2])
        for instance in written:
            self._objects[instance[0]].end_write(instance[1], tuple(written[instance]))

    def _plan(self, leaves, is_strict, is_replacing):
        plan = {}
        for path, value in leaves:
            lwm2m_object = self.object(path[0])
            if path[1] not in lwm2m_object.instance_ids():
                raise Refused(coap.NOT_FOUND)
            if path[2] not in lwm2m_object.resource_ids(path[1]):
                if is_strict:
                    raise Refused(coap.NOT_FOUND)
                continue
            resource = object_table.resource(path[0], path[2])
            if "W" not in resource.operations:
                raise Refused(coap.METHOD_NOT_ALLOWED)
            if resource.is_multiple != (len(path) == 4):
                raise Refused(coap.NOT_FOUND if len(path) == 4 else coap.BAD_REQUEST)
            if len(path) == 3:
                plan[path] = value
                continue
            if path[:3] not in plan:
                plan[path[:3]] = {} if is_replacing else dict(lwm2m_object.read(*path[1:3]))
            plan[path[:3]][path[3]] = value
        return plan

    def execute(self, path, arguments):
        """Execute a resource; 4.05 where that has no meaning."""
        self.children(path)
        if "E" not in object_table.resource(path[0], path[2]).operations:
            raise Refused(coap.METHOD_NOT_ALLOWED)
        self._objects[path[0]].execute(path[1], path[2], arguments)

    def free_instance_id(self, object_id):
        """Return the lowest instance id that is not taken."""
        instance_ids = self.object(object_id).instance_ids()
        instance_id = 0
        while instance_id in instance_ids:
            instance_id += 1
        return instance_id

    def create(self, object_id, instance_id, leaves):
        """Create an instance; 4.00 if there is one with this id."""
        lwm2m_object = self.object(object_id)
        if instance_id in lwm2m_object.instance_ids():
            is_fixed = not object_table.is_multiple(object_id)
            raise Refused(coap.METHOD_NOT_ALLOWED if is_fixed else coap.BAD_REQUEST)
        lwm2m_object.create(instance_id, leaves)
        self.instances_version += 1

    def delete(self, path):
        """Delete an instance."""
        self.children(path)
        self.object(path[0]).delete(path[1])
        self.instances_version += 1
