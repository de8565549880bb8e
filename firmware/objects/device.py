"""Device, object 3 (OMA Core E.4)."""

from firmware.clock import SERVER
from firmware.lwm2m_object import LwM2MObject, Refused
from firmware.timezone import Timezone
from firmware.version import MANUFACTURER, VERSION
from protocol.coap_message import BAD_REQUEST, METHOD_NOT_ALLOWED
from protocol.data_types import ObjectLink
from protocol.errors import DecodeError

TIMEZONE_KEY = 3 << 16 | 15
# Enumerations of 3/0/6, 3/0/11 and 3/0/20.
INTERNAL_BATTERY, MAINS = 1, 6
NO_ERROR, LOW_BATTERY, PERIPHERAL_MALFUNCTION = 0, 1, 8
BATTERY_NORMAL, BATTERY_LOW, BATTERY_UNKNOWN = 0, 4, 6

_LEVEL, _VOLTAGE, _TOO_LOW = 1, 3, 6
_CURRENT_TIME, _UTC_OFFSET, _TIMEZONE = 13, 14, 15
_TIME_MAX_S = 1 << 40
_ALWAYS = (0, 1, 2, 3, 4, 6, 11, 13, 14, 15, 16, 17, 18, 22)
_WITH_BATTERY = (0, 1, 2, 3, 4, 6, 7, 9, 11, 13, 14, 15, 16, 17, 18, 20, 22)


class Device(LwM2MObject):
    """Object 3. `battery` is the furniture's object 3411, or None on mains nodes; `journal` the
    node's firmware.journal.Journal.

    The time zone is a POSIX TZ rule: a node has no room for the IANA database that its name would
    be looked up in. The offset follows from it and cannot be written.
    """

    object_id = 3

    def __init__(self, board, clock, saved, battery, journal):
        self._board = board
        self._clock = clock
        self._saved = saved
        self._battery = battery
        self._journal = journal
        # What a server wrote that is no time, so that it reads what it wrote.
        self._claimed_at_boot_s = None
        self.is_reboot_wanted = False

    def resource_ids(self, instance_id):
        return _ALWAYS if self._battery is None else _WITH_BATTERY

    def read(self, instance_id, resource_id):
        board = self._board
        if resource_id == _CURRENT_TIME:
            return self._current_time()
        if resource_id == _UTC_OFFSET:
            return self._utc_offset()
        if resource_id in (7, 9, 11, 20):
            return self._battery_value(resource_id)
        return {
            0: MANUFACTURER, 1: board.model, 2: board.mac.hex(), 3: VERSION,
            6: {0: MAINS if self._battery is None else INTERNAL_BATTERY},
            15: self._clock.timezone.rule, 16: "U", 17: board.furniture,
            18: board.hardware_version, 22: {0: ObjectLink(3410, 0)},
        }[resource_id]

    def check(self, instance_id, resource_id, value):
        if resource_id == _UTC_OFFSET:
            raise Refused(METHOD_NOT_ALLOWED)
        if resource_id == _CURRENT_TIME and not -_TIME_MAX_S <= value <= _TIME_MAX_S:
            # It is read back as it goes on, so it must stay one that each format can carry.
            raise Refused(BAD_REQUEST)
        if resource_id == _TIMEZONE:
            try:
                Timezone(value)
            except DecodeError:
                raise Refused(BAD_REQUEST)

    def write(self, instance_id, resource_id, value):
        if resource_id == _TIMEZONE:
            self._clock.timezone = Timezone(value)
            self._saved.put(TIMEZONE_KEY, value)
        elif self._clock.set_unix_s(value, SERVER):
            self._claimed_at_boot_s = None
        else:
            self._claimed_at_boot_s = value - self._clock.now_ms // 1000

    def execute(self, instance_id, resource_id, arguments):
        self.is_reboot_wanted = True

    def _current_time(self):
        if self._claimed_at_boot_s is None and self._clock.source is not None:
            return self._clock.unix_s()
        # A clock that nobody has set counts from 1970.
        return (self._claimed_at_boot_s or 0) + self._clock.now_ms // 1000

    def _utc_offset(self):
        timezone = self._clock.timezone
        unix_s = self._clock.unix_s()
        offset_s = timezone.standard_s if unix_s is None else timezone.offset_s(unix_s)
        minutes = abs(offset_s) // 60
        return "%s%02d:%02d" % ("-" if offset_s < 0 else "+", minutes // 60, minutes % 60)

    def _battery_value(self, resource_id):
        is_low = self._of_battery(_TOO_LOW)
        if resource_id == 11:
            if self._journal.has_failed:
                # Its flash takes no readings.
                return {0: PERIPHERAL_MALFUNCTION}
            return {0: LOW_BATTERY if is_low else NO_ERROR}
        if resource_id == 7:
            voltage = self._of_battery(_VOLTAGE)
            return {0: voltage.scaled(-3) if voltage else 0}
        level = self._of_battery(_LEVEL)
        if resource_id == 9:
            return level or 0
        if level is None:
            return BATTERY_UNKNOWN
        return BATTERY_LOW if is_low else BATTERY_NORMAL

    def _of_battery(self, resource_id):
        battery = self._battery
        if battery is None or resource_id not in battery.resource_ids(0):
            return None
        return battery.read(0, resource_id)


def timezone_rule(saved, settings):
    """Return the rule that a server wrote, or that of the settings; UTC if neither is one."""
    for rule in (saved.get(TIMEZONE_KEY), settings.timezone):
        try:
            if isinstance(rule, str):
                return Timezone(rule).rule
        except DecodeError:
            pass
    return "UTC0"
