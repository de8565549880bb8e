"""The outdoor lamp controller, object 3416 version 2.0 (uCIFI)."""

from firmware.furniture import override
from firmware.furniture.configuration import ConfiguredObject, scaled
from firmware.lwm2m_object import Refused
from protocol.coap_message import BAD_REQUEST, METHOD_NOT_ALLOWED
from protocol.number import Decimal

COMMAND, START, END, FADE = 1, 50, 51, 52
SCHEDULERS, CONTROL_TYPES = 13, 35
SCHEDULER_IDS_MAX = 8
CONTROL_TYPES_MAX = 4
_LEVEL = (0, 100, 0)
_FADE = (0, 3600000, -3)
_TIME = (0, 1 << 40, 0)


class LampController(ConfiguredObject):
    """Object 3416 of a lamp (firmware.furniture.lamp.Furniture).

    An override is one write of 1 with 50 and 51, or separate writes: 50 and 51 count for the
    override that there is, and for the next 1 if they were written since the last. 51 = 0 ends it.
    """

    object_id = 3416
    readable = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18, 30, 35, 36, 37, 41, 49,
                50, 51, 52, 53, 54, 5518)
    executable = (16, 19)
    limits = {4: _LEVEL, 36: (1, 5000, 0), 37: _LEVEL, 41: (1, 100, 0), 49: _FADE, FADE: _FADE,
              53: (1, override.DURATION_S_MAX, 0)}
    # Numbers that are not kept as they are written.
    _command_limits = {COMMAND: _LEVEL, START: _TIME, END: _TIME}

    def __init__(self, configuration, changed, lamp):
        super().__init__(configuration, changed)
        self._lamp = lamp
        # What 50 and 51 were set to since the last command.
        self._given = {}
        self._written = {}

    def value(self, resource_id):
        lamp = self._lamp
        if resource_id == COMMAND:
            level = lamp.override.level
            return lamp.level if level is None else level
        if resource_id == 2:
            return lamp.level
        if resource_id == 3:
            return lamp.measured_level()
        if resource_id == 14:
            return lamp.schedule.is_invalid
        if resource_id == 54:
            return lamp.override.current_level() is not None
        if resource_id == START:
            return self._given.get(START, lamp.override.start_s)
        if resource_id == END:
            return self._given.get(END, lamp.override.end_s)
        if resource_id == SCHEDULERS:
            return super().value(SCHEDULERS) or dict(enumerate(lamp.scheduler_ids()))
        if 5 <= resource_id <= 12:
            return self._failure(resource_id)
        if resource_id == 15:
            return Decimal(lamp.counters.shown_on_ms // 36000, -2)
        if resource_id == 17:
            return lamp.lit_at_s()
        if resource_id == 18:
            return lamp.counters.switches
        if resource_id == 5518:
            return lamp.clock.unix_s()
        return super().value(resource_id)

    def _failure(self, resource_id):
        if resource_id == 12:
            return self._lamp.fader.is_silent
        found = self._lamp.failures
        # Without a meter nothing can be told, and then nothing is.
        if found is None:
            return None
        if resource_id == 6:
            return found.lamp_reason
        return found.gear_reason if resource_id == 8 else found.is_set(resource_id)

    def check(self, instance_id, resource_id, value):
        if resource_id in self._command_limits:
            if self._lamp.is_locked:
                raise Refused(METHOD_NOT_ALLOWED)
            lowest, highest, _ = self._command_limits[resource_id]
            is_right = lowest <= value <= highest
        elif resource_id == SCHEDULERS:
            is_right = _are_in(value, SCHEDULER_IDS_MAX, 65534)
        elif resource_id == CONTROL_TYPES:
            is_right = _are_in(value, CONTROL_TYPES_MAX, 13)
        else:
            is_right = True
            if not (resource_id == FADE and _is_ignored(value)):
                super().check(instance_id, resource_id, value)
        if not is_right:
            raise Refused(BAD_REQUEST)

    def begin_write(self):
        self._written = {}

    def write(self, instance_id, resource_id, value):
        if resource_id in self._command_limits:
            self._written[resource_id] = value
        elif not (resource_id == FADE and _is_ignored(value)):
            super().write(instance_id, resource_id, value)

    def end_write(self, instance_id, resource_ids):
        if self._written:
            self._command(self._written)
            self._written = {}
        super().end_write(instance_id, resource_ids)

    def _command(self, written):
        now = self._lamp.override
        if written.get(END) == 0:
            now.clear()
            self._given = {}
            return
        self._given.update(written)
        default_s = self.configuration.get(3416, 53)
        if COMMAND not in written:
            if now.level is not None:
                now.move(self._given.get(START, now.start_s), self._given.get(END, now.end_s),
                         default_s)
            return
        end_s = self._given.get(END, 0)
        now_s = self._lamp.clock.unix_s()
        if END not in written and now_s is not None and end_s <= now_s:
            # Meant for an override that never came.
            end_s = 0
        now.apply(written[COMMAND], self._given.get(START, 0), end_s, default_s)
        self._given = {}

    def execute(self, instance_id, resource_id, arguments):
        counters = self._lamp.counters
        if resource_id == 16:
            counters.lamp_on_ms = 0
        else:
            counters.switches = 0
        counters.save()


def _is_ignored(fade):
    """Return whether a fade is NaN or negative: 3416/52 says that such a value is ignored."""
    milliseconds = scaled(fade, -3)
    return milliseconds is None or milliseconds < 0


def _are_in(values, count_max, highest):
    for value in values.values():
        if not 0 <= value <= highest:
            return False
    return len(values) <= count_max
