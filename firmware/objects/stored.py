"""An object whose written values survive a reset."""

from firmware.lwm2m_object import LwM2MObject


class StoredObject(LwM2MObject):
    """A single-instance object with resources that have a default until a server writes them.

    `saved` is the node's firmware.saved.SavedValues, `defaults` {resource id: value}.
    """

    def __init__(self, saved, defaults):
        self._saved = saved
        self._defaults = defaults

    def value(self, resource_id):
        """Return the value written last, or the default."""
        return self._saved.get(self.object_id << 16 | resource_id, self._defaults[resource_id])

    def read(self, instance_id, resource_id):
        return self.value(resource_id)

    def write(self, instance_id, resource_id, value):
        self._saved.put(self.object_id << 16 | resource_id, value)
