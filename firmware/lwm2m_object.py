"""What an object of the node's data model gives to device management (OMA Core 6, 7)."""

from protocol.coap_message import METHOD_NOT_ALLOWED, NOT_FOUND


class Refused(Exception):
    """An operation that cannot be done; `code` is the CoAP response code that says so."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


class LwM2MObject:
    """An object with one instance, 0, without resources: the base of the node's objects.

    Types, operations and multiplicity of resources stand in protocol.object_table; device
    management has checked them before it calls. A multiple resource is read and written as a
    whole, as {instance id: value}.
    """

    object_id = None
    # What a Write that replaces an instance gives to the resources that it does not name.
    defaults = {}

    def instance_ids(self):
        """Return the ids of the instances that exist, ascending."""
        return (0,)

    def resource_ids(self, instance_id):
        """Return the ids of all resources there are: readable, writable and executable."""
        return ()

    def read(self, instance_id, resource_id):
        """Return the value of a readable resource that is there."""
        raise Refused(NOT_FOUND)

    def check(self, instance_id, resource_id, value):
        """Raise Refused if `value`, of the right type, cannot be written; change nothing."""

    def write(self, instance_id, resource_id, value):
        """Take over a value that check() let pass."""
        raise Refused(METHOD_NOT_ALLOWED)

    def execute(self, instance_id, resource_id, arguments):
        """Do it; `arguments` is the text of the request, "" for none."""
        raise Refused(METHOD_NOT_ALLOWED)

    def create(self, instance_id, leaves):
        """Create an instance from leaves of its resources; change nothing if Refused."""
        raise Refused(METHOD_NOT_ALLOWED)

    def delete(self, instance_id):
        """Delete an instance."""
        raise Refused(METHOD_NOT_ALLOWED)

    def begin_write(self):
        """The writes of one operation follow."""

    def end_write(self, instance_id, resource_ids):
        """The writes of one operation to this instance are done; `resource_ids` lists them."""
