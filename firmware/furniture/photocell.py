"""The photocell: object 3419, and its illuminance as 3301 (uCIFI, IPSO)."""

from firmware.furniture.configuration import ConfiguredObject
from firmware.lwm2m_object import LwM2MObject

_LUX = (0, 200000, 0)
# So long the light must stay past a threshold: headlights and lightning do not.
DWELL_MS = 30000
# A photocell that gives nothing for so long has failed.
SILENCE_MS = 60000


class Photocell(ConfiguredObject):
    """Object 3419; `is_dark` is None before the first reading and after a failure."""

    object_id = 3419
    readable = (1, 2, 3, 5518)
    limits = {1: _LUX, 2: _LUX}

    def __init__(self, configuration, changed, clock):
        super().__init__(configuration, changed)
        self._clock = clock
        self.is_dark = None
        self.lux = None
        self._read_at_ms = None
        self._past_since_ms = None

    def update(self, lux):
        """Take in a reading in lux, or None; return whether `is_dark` changed."""
        was_dark = self.is_dark
        now_ms = self._clock.now_ms
        if lux is None:
            self._past_since_ms = None
            if self._read_at_ms is not None and now_ms - self._read_at_ms >= SILENCE_MS:
                self.is_dark = None
        else:
            self.lux = lux
            self._read_at_ms = now_ms
            self._judge(lux, now_ms)
        return self.is_dark is not was_dark

    def _judge(self, lux, now_ms):
        on_lux = self.configuration.get(3419, 1)
        off_lux = max(self.configuration.get(3419, 2), on_lux + 1)
        if self.is_dark is None:
            # Between the thresholds nobody knows: then rather light.
            self.is_dark = lux < off_lux
        elif lux <= off_lux if self.is_dark else lux >= on_lux:
            self._past_since_ms = None
        elif self._past_since_ms is None:
            self._past_since_ms = now_ms
        elif now_ms - self._past_since_ms >= DWELL_MS:
            self.is_dark = not self.is_dark
            self._past_since_ms = None

    def value(self, resource_id):
        if resource_id == 3:
            return self.is_dark
        if resource_id == 5518:
            return None if self._read_at_ms is None else self._clock.to_unix_s(self._read_at_ms)
        return super().value(resource_id)


class Illuminance(LwM2MObject):
    """Object 3301 with the photocell's last reading, as old as 3419/0/5518 says."""

    object_id = 3301

    def __init__(self, photocell):
        self._photocell = photocell

    def instance_ids(self):
        # 5700 is mandatory: without a reading there is no instance.
        return () if self._photocell.lux is None else (0,)

    def resource_ids(self, instance_id):
        return (5700, 5701)

    def read(self, instance_id, resource_id):
        return self._photocell.lux if resource_id == 5700 else "lx"
