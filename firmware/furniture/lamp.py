"""The lamp: what light when, and what became of it.

Objects 3416, 3418, 3419, 3301, 3302, and 3452 to 3454 for its programs. Everything that decides is
in the modules beside this one; here they are put together and given their time.
"""

from firmware import sun
from firmware.furniture import failures, light_level
from firmware.furniture.configuration import Configuration
from firmware.furniture.counters import Counters
from firmware.furniture.electrical import ElectricalMonitor
from firmware.furniture.fader import Fader
from firmware.furniture.lamp_object import LampController
from firmware.furniture.motion import POLL_MS, Motion
from firmware.furniture.override import Override
from firmware.furniture.photocell import Illuminance, Photocell
from firmware.furniture.program_objects import CalendarRule, ProgramFunction, ProgramScheduler
from firmware.furniture.schedule import Schedule

REPORT_INTERVAL_S = 900
# How often the sensors are read and the light is judged, if nothing happens before.
SAMPLE_MS = 10000
# A lock that somebody forgot must not keep a street dark for longer than a shift.
LOCK_HOLD_MS = 12 * 3600000
OVERRIDE_S = 7200
# Constant light output: a new lamp burns at 90 % and is at full after its rated life (L90).
CLO_START_PERMILLE = 900
CLO_LIFE_H = 100000
# EN 50160: 230 V within 10 %.
LOW_VOLTAGE_MV = 207000
HIGH_VOLTAGE_MV = 253000
CONTROL_TYPE_OTHER = 13

_HOUR_MS = 3600000
_LAMP, _MONITOR, _PHOTOCELL = 3416 << 16, 3418 << 16, 3419 << 16
# The paths of each periodic report, where they are there, and of what is reported when it changes:
# level, override, silent control gear, invalid schedule.
_PERIODIC = ((3416, 0, 3), (3416, 0, 2), (3416, 0, 15), (3418, 0, 1), (3418, 0, 2), (3418, 0, 4),
             (3418, 0, 5), (3418, 0, 6), (3301, 0, 5700), (3302, 0, 5501))
_ON_CHANGE = ((3416, 0, 3), (3416, 0, 54), (3416, 0, 12), (3416, 0, 14))
_REASONS = {failures.LAMP: 6, failures.GEAR: 8}


class Furniture:
    """A lamp controller (the contract of a furniture; see docs/internals.md).

    `level` is the command in action, 0 to 100; `is_locked` the maintenance lock.
    """

    is_sleepy = False

    def __init__(self, board, settings, clock, report):
        values = settings.furniture_values("lamp")
        self.clock = clock
        self.is_locked = False
        self._board = board
        self._settings = settings
        self._report = report
        self._place = (settings.latitude_e6, settings.longitude_e6)
        self._is_switched = settings.supply == "switched"
        self.counters = Counters(board.store, getattr(board.meter, "energy_wrap_mwh", None))
        self.configuration = Configuration(board.store, _defaults(values, board.dimmer))
        self.override = Override(board.store, clock)
        self.fader = Fader(board.dimmer)
        self.failures = failures.Failures() if board.meter else None
        self._make_objects(values)
        self._reset_times()

    def _make_objects(self, values):
        board, clock = self._board, self.clock
        configuration, changed = self.configuration, self._changed
        self._programs = (ProgramScheduler(board.store, changed),
                          CalendarRule(board.store, changed, clock),
                          ProgramFunction(board.store, changed))
        self.schedule = Schedule(clock, *(self._programs + self._place))
        self._photocell = self._motion = self._meter = None
        objects = [LampController(configuration, changed, self)]
        if board.meter:
            self._meter = ElectricalMonitor(configuration, changed, self.counters, clock)
            objects.append(self._meter)
        if board.photocell:
            self._photocell = Photocell(configuration, changed, clock)
            objects += [self._photocell, Illuminance(self._photocell)]
        if board.motion:
            self._motion = Motion(board.motion, values["motion_boost_level"],
                                  values["motion_boost_s"])
            objects.append(self._motion)
        self.objects = tuple(objects) + self._programs
        self._by_id = {}
        for lwm2m_object in self.objects:
            self._by_id[lwm2m_object.object_id] = lwm2m_object
        self.is_damaged = any(
            [configuration.keep(self._by_id), self.counters.is_damaged, self.override.is_damaged]
            + [table.is_damaged for table in self._programs])

    def _reset_times(self):
        # None until the first call of handle_timeout().
        self._last_ms = None
        self._is_due = True
        self._clock_set_ms = None
        self._sample_at_ms = self._motion_at_ms = self._report_at_ms = self._save_at_ms = None
        self._lock_until_ms = None
        self._schedule_from_s = self._schedule_level = self._timezone = None
        self._sun_minute = self._is_sun_up = None
        self._dark = None
        # What the level in action was decided by, None where it is to be decided anew.
        self._weighed = None
        self._target = None
        self._settled_permille = None
        self._lit_at_ms = None
        # Flags are known to be down until they are said to be up; of the level nothing is known.
        self._reported = (None, False, False, False)
        # The electrical default, until something else is decided.
        self.level = light_level.FULL

    def handle_timeout(self, now_ms):
        """Measure, decide, act and report what is due."""
        if self._last_ms is None:
            self._begin(now_ms)
        if self.fader.permille:
            self.counters.lamp_on_ms += now_ms - self._last_ms
        self._last_ms = now_ms
        self._is_due = False
        self._clock_set_ms = self.clock.set_at_ms
        if now_ms >= self._sample_at_ms:
            self._sample_at_ms = now_ms + SAMPLE_MS
            self._sample(now_ms)
        if self._motion and now_ms >= self._motion_at_ms:
            self._motion_at_ms = now_ms + POLL_MS
            self._motion.update(now_ms)
        self._decide(now_ms)
        if self.fader.next_ms is not None and now_ms >= self.fader.next_ms:
            self.fader.step(now_ms)
        self._count_switching(now_ms)
        self._report_changes()
        self._do_now_and_then(now_ms)

    def next_timeout_ms(self):
        """Return the uptime at which handle_timeout() is to be called next."""
        if self._is_due or self._clock_set_ms != self.clock.set_at_ms:
            return self.clock.now_ms
        due_ms = self._sample_at_ms
        if self._report_at_ms < due_ms:
            due_ms = self._report_at_ms
        if self._motion and self._motion_at_ms < due_ms:
            due_ms = self._motion_at_ms
        if self._schedule_from_s is not None:
            due_ms = min(due_ms, self.clock.to_uptime_ms(self.schedule.until_s))
        for next_ms in (self.fader.next_ms, self.override.next_ms()):
            if next_ms is not None and next_ms < due_ms:
                due_ms = next_ms
        return due_ms

    def reset_configuration(self):
        """Forget what servers wrote: configuration, programs and override."""
        self.configuration.clear(
            _defaults(self._settings.furniture_values("lamp"), self._board.dimmer))
        for table in self._programs:
            table.clear()
        self.override.clear()
        self._changed()

    def save(self):
        """Save counters and override: a planned reset follows."""
        self.counters.save()
        self.override.save()

    def measured_level(self):
        """Return the level that the lamp burns at, 0 to 100: as driven, if the meter agrees.

        Power is no measure of light at a dimmed lamp; but it tells dark from lit.
        """
        found, permille = self.failures, self.fader.permille
        if found and permille and found.is_set(failures.LAMP):
            return 0
        if found and not permille and found.is_set(failures.RELAY):
            share = found.power_mw // (10 * self.configuration.get(3416, 36))
            return max(1, min(100, share))
        full = self._full_permille()
        return min(100, (permille * 100 + full // 2) // full)

    def lit_at_s(self):
        """Return the Unix time at which the lamp last went on, None while that is not known."""
        return None if self._lit_at_ms is None else self.clock.to_unix_s(self._lit_at_ms)

    def scheduler_ids(self):
        """Return the ids of all schedulers: each one there is has this lamp as its output."""
        return self._programs[0].instance_ids()

    def _changed(self):
        self._is_due = True
        self._schedule_from_s = self._weighed = None

    def _begin(self, now_ms):
        is_power_up = self._board.reset_cause == "power"
        self.override.restore(self._is_switched and is_power_up)
        if is_power_up:
            self.counters.power_came()
            # The light went out with the power, and nobody was there to count it.
            self.counters.switches += self.counters.was_on
        self.counters.was_on = True
        self._last_ms = self._lit_at_ms = self._sample_at_ms = self._motion_at_ms = now_ms
        interval_ms = self._report_interval_ms()
        # Each node its own second: thousands of lamps get their power at once.
        offset = int.from_bytes(self._board.mac[3:], "big") * 7919
        self._report_at_ms = now_ms + offset % interval_ms
        self._save_at_ms = now_ms

    def _report_interval_ms(self):
        return (self._settings.report_interval_s or REPORT_INTERVAL_S) * 1000

    def _sample(self, now_ms):
        permille = self.fader.permille
        is_settled = permille == self._settled_permille
        self._settled_permille = permille
        if self._photocell:
            self._photocell.update(self._board.photocell.read_lux())
        if self._meter:
            self._sample_meter(now_ms, permille, is_settled)
        if self.fader.is_silent:
            self.fader.step(now_ms)

    def _sample_meter(self, now_ms, permille, is_settled):
        reading = self._board.meter.read()
        changed = self._meter.update(reading, self.measured_level(), is_settled)
        for flag in changed:
            self._report_path((3418, 0, flag))
        if reading is None:
            return
        self.counters.add_energy(reading.energy_mwh, now_ms)
        if not is_settled:
            return
        nominal_mw = self.configuration.get(3416, 36) * 1000
        for flag in self.failures.update(now_ms, reading.active_power_mw, nominal_mw, permille,
                                         self._dark):
            self._report_path((3416, 0, flag))
            if flag in _REASONS:
                self._report_path((3416, 0, _REASONS[flag]))

    def _decide(self, now_ms):
        unix_s = self.clock.unix_s()
        photocell_dark = self._photocell.is_dark if self._photocell else None
        # Where the sun stands is worked out where it decides: that takes a while.
        is_sun_asked = self._is_switched or photocell_dark is None
        sun_up = self._sun_up(unix_s) if is_sun_asked else None
        self._dark = light_level.is_dark(self._is_switched, photocell_dark, sun_up)
        override = self.override.current_level()
        grounds = (self._held_level(now_ms), override, self._scheduled_level(unix_s), self._dark,
                   self._motion.boost(now_ms) if self._motion else None,
                   self._is_switched and sun_up is True, self._full_permille())
        if grounds != self._weighed:
            self._weighed = grounds
            self._set_level(now_ms, *grounds)

    def _set_level(self, now_ms, held, override, schedule, dark, boost, is_sun_ignored, full):
        level = light_level.decide(held, override, schedule, dark, boost,
                                   self.configuration.get(3416, 4), is_sun_ignored)
        minimum = self.configuration.get(3416, 37)
        self.level = max(level, minimum) if level else 0
        permille = max(self.level * full // 100, minimum * 10) if self.level else 0
        if permille != self._target:
            self._target = permille
            fade_ms = self.configuration.get(3416, 49 if override is None else 52)
            self.fader.fade(now_ms, permille, fade_ms, minimum * 10)

    def _held_level(self, now_ms):
        if not self.is_locked:
            self._lock_until_ms = None
            return None
        if self._lock_until_ms is None:
            self._lock_until_ms = now_ms + LOCK_HOLD_MS
        return self.level if now_ms < self._lock_until_ms else None

    def _scheduled_level(self, unix_s):
        if unix_s is None:
            self._schedule_from_s = None
            return None
        if (self._schedule_from_s is None or self._timezone is not self.clock.timezone
                or not self._schedule_from_s <= unix_s < self.schedule.until_s):
            self._timezone = self.clock.timezone
            assigned = self.configuration.get(3416, 13)
            self._schedule_level = self.schedule.level(unix_s, tuple(assigned.values()))
            self._schedule_from_s = unix_s
        return self._schedule_level

    def _sun_up(self, unix_s):
        if unix_s is None or self._place[0] is None:
            return None
        if unix_s // 60 != self._sun_minute:
            self._sun_minute = unix_s // 60
            self._is_sun_up = sun.is_up(unix_s, *self._place)
        return self._is_sun_up

    def _full_permille(self):
        permille = self.configuration.get(3416, 41) * 10
        if self.configuration.get(3416, 30):
            hours = min(self.counters.lamp_on_ms // _HOUR_MS, CLO_LIFE_H)
            gained = (1000 - CLO_START_PERMILLE) * hours // CLO_LIFE_H
            permille = permille * (CLO_START_PERMILLE + gained) // 1000
        return permille

    def _count_switching(self, now_ms):
        is_on = self.fader.permille > 0
        if is_on == self.counters.was_on:
            return
        self.counters.was_on = is_on
        if is_on:
            self._lit_at_ms = now_ms
        else:
            self.counters.switches += 1
        self.counters.save()

    def _report_changes(self):
        before = self._reported
        # A level on its way is no news.
        level = before[0] if self.fader.is_fading() else self.measured_level()
        self._reported = now = (level, self.override.current_level() is not None,
                                self.fader.is_silent, self.schedule.is_invalid)
        if now != before:
            for index in range(len(_ON_CHANGE)):
                if now[index] != before[index]:
                    self._report_path(_ON_CHANGE[index])

    def _report_path(self, path):
        lwm2m_object = self._by_id.get(path[0])
        if (lwm2m_object and lwm2m_object.instance_ids()
                and path[2] in lwm2m_object.resource_ids(0)):
            self._report(path, lwm2m_object.read(0, path[2]))

    def _do_now_and_then(self, now_ms):
        is_report_due = now_ms >= self._report_at_ms
        if is_report_due or now_ms >= self._save_at_ms:
            self._save_at_ms = now_ms + self._board.energy_save_interval_s * 1000
            self.counters.save()
            # Also by a known clock: after a reset it may be unknown for long.
            self.override.save()
        if is_report_due:
            interval_ms = self._report_interval_ms()
            # The next turn of its own, also after a long sleep.
            missed = (now_ms - self._report_at_ms) // interval_ms
            self._report_at_ms += (missed + 1) * interval_ms
            for path in _PERIODIC:
                self._report_path(path)


def _defaults(values, dimmer):
    """Return from the settings what no server has written, by keys of the Configuration."""
    nominal_w = values["nominal_w"]
    return {
        _LAMP | 4: values["default_level"], _LAMP | 13: {},
        _LAMP | 30: values["constant_light_output"],
        _LAMP | 35: {0: getattr(dimmer, "control_type", CONTROL_TYPE_OTHER)},
        _LAMP | 36: nominal_w, _LAMP | 37: values["minimum_level"], _LAMP | 41: 100,
        _LAMP | 49: values["fade_ms"], _LAMP | 52: values["fade_ms"], _LAMP | 53: OVERRIDE_S,
        _MONITOR | 10: nominal_w * 500, _MONITOR | 13: nominal_w * 1300,
        _MONITOR | 20: LOW_VOLTAGE_MV, _MONITOR | 22: HIGH_VOLTAGE_MV,
        _PHOTOCELL | 1: values["dark_lux"], _PHOTOCELL | 2: values["light_lux"],
    }
