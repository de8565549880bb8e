"""Time synchronization, object 3415."""

from firmware.lwm2m_object import Refused
from firmware.objects.stored import StoredObject
from protocol.coap_message import BAD_REQUEST

TEXT_LENGTH_MAX = 128
_SERVER, _LAST_SYNC, _ERROR = 1, 4, 5


class TimeSynchronization(StoredObject):
    """Object 3415: where the time comes from; an empty address leaves it to 3/0/13.

    The last synchronization is a Unix time, 0 for none: the registry's unit for it, hours,
    contradicts its name.
    """

    object_id = 3415

    def __init__(self, clock, saved):
        super().__init__(saved, {_SERVER: ""})
        self._clock = clock

    def resource_ids(self, instance_id):
        return (1, 4, 5)

    def read(self, instance_id, resource_id):
        clock = self._clock
        if resource_id == _LAST_SYNC:
            return 0 if clock.source is None else clock.to_unix_s(clock.set_at_ms)
        return clock.source is None if resource_id == _ERROR else self.value(resource_id)

    def check(self, instance_id, resource_id, value):
        if len(value.encode()) > TEXT_LENGTH_MAX:
            raise Refused(BAD_REQUEST)
