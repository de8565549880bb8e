"""LwM2M Server, object 1: how this node deals with its one server (OMA Core E.2)."""

from firmware.lwm2m_object import Refused
from firmware.objects.stored import StoredObject
from protocol.coap_message import BAD_REQUEST

SHORT_SERVER_ID = 1
_SHORT_SERVER_ID, _LIFETIME, _PMIN, _PMAX, _DISABLE, _DISABLE_TIMEOUT, _STORING = range(7)
_BINDING, _UPDATE_TRIGGER = 7, 8
_RETRY_COUNT, _RETRY_TIMER, _SEQUENCE_DELAY, _MUTE_SEND = 17, 18, 19, 23
_BINDINGS = ("U", "UQ")
_SECONDS_MAX = 2**31 - 1


class Server(StoredObject):
    """Object 1. Without resource 20: a lamp never gives up, after whatever number of tries.

    The standard's retry values (60 s doubled, then a day) are too slow for a street in the dark:
    ours begin at 10 s and end at 5 minutes.
    """

    object_id = 1

    def __init__(self, settings, saved, is_sleepy):
        super().__init__(saved, {
            _SHORT_SERVER_ID: SHORT_SERVER_ID, _LIFETIME: settings.lifetime_s, _PMIN: 0, _PMAX: 0,
            _DISABLE_TIMEOUT: 86400, _STORING: True, _BINDING: "UQ" if is_sleepy else "U",
            _RETRY_COUNT: 5, _RETRY_TIMER: 10, _SEQUENCE_DELAY: 300, _MUTE_SEND: False,
        })
        self._is_update_wanted = False
        self._is_disable_wanted = False

    def resource_ids(self, instance_id):
        return (0, 1, 2, 3, 4, 5, 6, 7, 8, 17, 18, 19, 23)

    def check(self, instance_id, resource_id, value):
        if resource_id == _BINDING:
            is_good = value in _BINDINGS
        elif resource_id in (_STORING, _MUTE_SEND):
            is_good = True
        else:
            lowest = 1 if resource_id in (_RETRY_COUNT, _RETRY_TIMER) else 0
            is_good = lowest <= value <= _SECONDS_MAX
        if not is_good:
            raise Refused(BAD_REQUEST)

    def execute(self, instance_id, resource_id, arguments):
        if resource_id == _DISABLE:
            self._is_disable_wanted = True
        else:
            self._is_update_wanted = True

    def lifetime_s(self):
        """Return the lifetime to register with; 0 is without end."""
        return self.value(_LIFETIME)

    def default_pmin_s(self):
        """Return what holds where no pmin was written."""
        return self.value(_PMIN)

    def default_pmax_s(self):
        """Return what holds where no pmax was written; 0 is none."""
        return self.value(_PMAX)

    def disable_timeout_s(self):
        """Return how long Disable lasts."""
        return self.value(_DISABLE_TIMEOUT)

    def is_storing(self):
        """Tell whether a notification waits while the server cannot be told."""
        return self.value(_STORING)

    def is_queue_mode(self):
        """Tell whether the server must wait for us to wake."""
        return "Q" in self.value(_BINDING)

    def is_muted(self):
        """Tell whether Send is switched off."""
        return self.value(_MUTE_SEND)

    def retry_values(self):
        """Return (retry count, retry timer in s, sequence delay timer in s)."""
        return self.value(_RETRY_COUNT), self.value(_RETRY_TIMER), self.value(_SEQUENCE_DELAY)

    def take_update(self):
        """Tell, once, whether the server asked for an Update."""
        was_wanted = self._is_update_wanted
        self._is_update_wanted = False
        return was_wanted

    def take_disable(self):
        """Tell, once, whether the server asked us to go away."""
        was_wanted = self._is_disable_wanted
        self._is_disable_wanted = False
        return was_wanted
