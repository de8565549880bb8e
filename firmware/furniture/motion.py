"""Presence, object 3302, and the light that it asks for (IPSO)."""

from firmware.lwm2m_object import LwM2MObject

POLL_MS = 1000


class Motion(LwM2MObject):
    """Object 3302; raises the light to `boost_level` until `boost_s` after somebody was there."""

    object_id = 3302

    def __init__(self, detector, boost_level, boost_s):
        self._detector = detector
        self._boost_level = boost_level
        self._boost_ms = boost_s * 1000
        self._is_present = False
        self._until_ms = None
        self._count = 0

    def update(self, now_ms):
        """Look whether somebody is there; return whether that changed."""
        was_present = self._is_present
        self._is_present = self._detector.is_present()
        if self._is_present:
            self._until_ms = now_ms + self._boost_ms
        if self._is_present and not was_present:
            self._count += 1
        return self._is_present != was_present

    def boost(self, now_ms):
        """Return the level asked for, or None."""
        is_asked = self._until_ms is not None and now_ms < self._until_ms
        return self._boost_level if is_asked else None

    def resource_ids(self, instance_id):
        return (5500, 5501, 5505)

    def read(self, instance_id, resource_id):
        return self._is_present if resource_id == 5500 else self._count

    def execute(self, instance_id, resource_id, arguments):
        self._count = 0
