"""Device Extension, object 3410: the asset, and the maintenance lock."""

from firmware.lwm2m_object import Refused
from firmware.objects.stored import StoredObject
from firmware.version import MANUFACTURER
from protocol.coap_message import BAD_REQUEST

TEXT_LENGTH_MAX = 128
_MANUFACTURER, _NAME, _ASSET, _MAINTENANCE, _RESET, _UPTIME, _SLEEPY = 2, 3, 4, 7, 8, 14, 15


class DeviceExtension(StoredObject):
    """Object 3410. While Maintenance is true the furniture takes no remote command."""

    object_id = 3410

    def __init__(self, settings, clock, saved, is_sleepy):
        super().__init__(
            saved, {_NAME: settings.name, _ASSET: settings.asset, _MAINTENANCE: False})
        self._clock = clock
        self._is_sleepy = is_sleepy
        self.is_reset_wanted = False

    def resource_ids(self, instance_id):
        return (2, 3, 4, 7, 8, 14, 15)

    def read(self, instance_id, resource_id):
        if resource_id == _MANUFACTURER:
            return MANUFACTURER
        if resource_id == _UPTIME:
            return self._clock.now_ms // 1000
        if resource_id == _SLEEPY:
            return self._is_sleepy
        return self.value(resource_id)

    def check(self, instance_id, resource_id, value):
        if resource_id != _MAINTENANCE and len(value.encode()) > TEXT_LENGTH_MAX:
            raise Refused(BAD_REQUEST)

    def execute(self, instance_id, resource_id, arguments):
        self.is_reset_wanted = True

    def is_maintenance(self):
        """Tell whether somebody works at the furniture."""
        return self.value(_MAINTENANCE)
