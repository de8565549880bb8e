"""Keys, our object 42802: a server gives the node a new context. Nothing of it can be read."""

from firmware.lwm2m_object import LwM2MObject, Refused
from protocol.coap_message import BAD_REQUEST, INTERNAL_SERVER_ERROR

NEW_CONTEXT = 0


class KeysObject(LwM2MObject):
    """Object 42802 over the node's firmware.keys.Keys; there only where messages are protected.

    4.00 for what is no credentials of this node; 2.04 once they are durable, on trial.
    """

    object_id = 42802

    def __init__(self, keys):
        self._keys = keys

    def resource_ids(self, instance_id):
        return (NEW_CONTEXT,)

    def check(self, instance_id, resource_id, value):
        if not self._keys.is_right(value):
            raise Refused(BAD_REQUEST)

    def write(self, instance_id, resource_id, value):
        if not self._keys.install(value):
            raise Refused(INTERNAL_SERVER_ERROR)
