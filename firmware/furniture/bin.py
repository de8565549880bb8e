"""A waste container: when it measures, what it concludes, what it tells.

It measures the level every `measure_interval_s`, reads temperature and tilt every minute, and
reports once an hour; alarms and events go at once. A reading that surprises is repeated before
it counts: a jump of the level after 30 s, a tilt or a heat after 2 s.
"""

from firmware.clock import PLAUSIBLE_UNTIL_S
from firmware.furniture.battery_role import BatteryRole
from firmware.furniture.bin_objects import (
    COVER_OPEN,
    EMPTIED,
    EMPTY,
    FILLING,
    FIRE,
    FORECAST_FULL,
    FULL,
    HIGH,
    LEVEL,
    LOW,
    OUT_OF_POSITION,
    PERCENTAGE,
    QUALITY,
    QUALITY_LEVEL,
    SPEED,
    TEMPERATURE,
    VALUE,
    BinObjects,
)
from firmware.furniture.filling import SHOTS, Filling, agree
from firmware.furniture.fire import FireDetector
from firmware.furniture.quality import PROBABLY_REJECTED
from firmware.furniture.tilt import Tilt
from firmware.saved import SavedValues, is_integer

REPORT_INTERVAL_S = 3600
# A rangefinder that was just switched on has nothing to say, or what it saw before.
SHOTS_SKIPPED = 3
SHOT_INTERVAL_MS = 170
CONFIRM_MS = 30000
# A level that jumps again each time (a lid that flaps) is no reason to measure for ever.
CONFIRMATIONS_MAX = 3
LOOK_MS = 60000
WATCH_MS = 2000


class Furniture:
    """The bin of a node.

    What servers wrote is kept in the store's `bin`, what the bin knows of its contents in
    `bin-state`.
    """

    def __init__(self, board, settings, clock, report):
        values = settings.furniture_values("bin")
        self._board = board
        self._clock = clock
        self._report = report
        self._saved = SavedValues(board.store, "bin")
        self._state = SavedValues(board.store, "bin-state")
        self._state.keep(_is_state)
        self._measure_interval_ms = values["measure_interval_s"] * 1000
        self._report_interval_ms = (settings.report_interval_s or REPORT_INTERVAL_S) * 1000
        self._answers = answers = BinObjects(self, board, values, self._saved, clock)
        self.is_damaged = self._saved.is_damaged or self._state.is_damaged
        self.filling = Filling(answers.container(), answers.values[HIGH], answers.values[LOW])
        self.filling.restore(self._state.get("filling"))
        self.fire = FireDetector(values["fire_centicelsius"])
        self.tilt = Tilt(answers.angle_limit_mrad)
        self.is_cover_open = False
        self.is_fallen = False
        self.distance_mm = None
        self.centicelsius = self.coldest = self.hottest = None
        self.measured_ms = None
        self.is_locked = False
        self.is_sleepy = board.battery is not None
        self._role = BatteryRole(board.battery, self._saved, report) if self.is_sleepy else None
        self.objects = answers.objects + ((self._role,) if self.is_sleepy else ())
        self._shots = []
        self._confirmations = 0
        self._skip = 0
        self._is_first = True
        self._measure_ms = 0
        self._shot_ms = None
        self._look_ms = 0
        self._report_ms = 0

    def next_timeout_ms(self):
        """Return when the next shot, look or measurement is due."""
        due_ms = self._measure_ms if self._shot_ms is None else self._shot_ms
        return min(due_ms, self._look_ms)

    def handle_timeout(self, now_ms):
        """Do what is due."""
        if self._shot_ms is None and now_ms >= self._measure_ms:
            self._begin(now_ms)
        elif now_ms >= self._look_ms:
            self._look(now_ms)
        if self._shot_ms is not None and now_ms >= self._shot_ms:
            self._shoot(now_ms)

    def configure(self):
        """Judge again by what servers wrote."""
        answers = self._answers
        filling = self.filling
        before = (filling.full, filling.empty)
        filling.container = answers.container()
        filling.high_permille = answers.values[HIGH]
        filling.low_permille = answers.values[LOW]
        filling.apply_thresholds()
        self.tilt.limit_mrad = answers.angle_limit_mrad
        self._report_changes(before, self._clock.now_ms)

    def reset_configuration(self):
        """Forget what servers wrote; the settings hold again."""
        self._saved.clear()
        self._saved.commit()
        self._answers.load()
        if self._role is not None:
            self._role.reset_configuration()
        self.configure()

    @property
    def emptied(self):
        """How often the bin was emptied, since it was made or the counter reset."""
        return self._state.get("emptied", 0)

    def reset_emptied(self):
        """Count emptyings from 0 again."""
        self._state.put("emptied", 0)
        self._state.commit()

    def forecast_emptied_s(self):
        """Return when the bin will be emptied next, in Unix time, by the habit so far, or None."""
        last_s = self._state.get("emptied_s")
        every_s = self._state.get("emptied_every_s")
        return None if last_s is None or every_s is None else last_s + every_s

    def _begin(self, now_ms):
        self._measure_ms = now_ms + self._measure_interval_ms
        self._shots = []
        self._skip = SHOTS_SKIPPED
        self._shot_ms = now_ms
        self._look(now_ms)
        if self._role is not None:
            self._role.measure(now_ms)

    def _look(self, now_ms):
        """Read what may be an alarm, and come back soon while it is not clear."""
        if self._board.thermometer is not None:
            self._take_temperature(self._board.thermometer.read_centicelsius(), now_ms)
        if self._board.accelerometer is not None:
            self._take_tilt(self._board.accelerometer.read_mg(), now_ms)
        is_unclear = self.fire.is_watching or self.tilt.is_unconfirmed
        self._look_ms = now_ms + (WATCH_MS if is_unclear else LOOK_MS)

    def _take_temperature(self, centicelsius, now_ms):
        if centicelsius is None:
            return
        self.centicelsius = centicelsius
        self.coldest = centicelsius if self.coldest is None else min(self.coldest, centicelsius)
        self.hottest = centicelsius if self.hottest is None else max(self.hottest, centicelsius)
        if self.fire.update(centicelsius, now_ms):
            self._tell((FILLING, 0, FIRE), now_ms)
            self._tell((TEMPERATURE, 0, VALUE), now_ms)

    def _take_tilt(self, vector_mg, now_ms):
        was_unconfirmed = self.tilt.is_unconfirmed
        self.tilt.update(vector_mg)
        if self.tilt.is_unconfirmed and not was_unconfirmed and self._shot_ms is None:
            # Whether the lid stands open or the bin fell, the rangefinder must say.
            self._measure_ms = now_ms
        self._judge_position(now_ms)

    def _judge_position(self, now_ms):
        """A lid that stands open is tilted too, but its sensor sees no floor."""
        is_fallen = self.tilt.is_out and not self.is_cover_open
        if is_fallen != self.is_fallen:
            self.is_fallen = is_fallen
            self._tell((FILLING, 0, OUT_OF_POSITION), now_ms)

    def _shoot(self, now_ms):
        shot_mm = self._board.rangefinder.measure_mm()
        if self._skip:
            self._skip -= 1
        else:
            self._shots.append(shot_mm)
        self._shot_ms = now_ms + SHOT_INTERVAL_MS
        if len(self._shots) == SHOTS:
            self._shot_ms = None
            self._conclude(now_ms)

    def _conclude(self, now_ms):
        """Judge the shots of one measurement and tell what follows from them."""
        self.measured_ms = now_ms
        filling = self.filling
        self.distance_mm = agree(self._shots)[0]
        before = (filling.full, filling.empty)
        is_tilted = (self.tilt.angle_mrad or 0) >= self.tilt.limit_mrad
        self._set_cover_open(is_tilted and not self._sees_floor(), now_ms)
        if is_tilted:
            filling.reject(PROBABLY_REJECTED)
        elif filling.update(self._shots, now_ms):
            self._count_emptying(now_ms)
        if filling.is_unconfirmed and self._confirmations < CONFIRMATIONS_MAX:
            self._confirmations += 1
            self._measure_ms = min(self._measure_ms, now_ms + CONFIRM_MS)
            return
        self._confirmations = 0
        self._report_changes(before, now_ms)
        if now_ms >= self._report_ms:
            self._report_ms = now_ms + self._report_interval_ms
            self._report_all(now_ms)

    def _sees_floor(self):
        distance_mm = self.distance_mm
        return distance_mm is not None and self.filling.container.level_mm(distance_mm) is not None

    def _set_cover_open(self, is_open, now_ms):
        if is_open != self.is_cover_open:
            self.is_cover_open = is_open
            self._tell((FILLING, 0, COVER_OPEN), now_ms)
            self._judge_position(now_ms)

    def _count_emptying(self, now_ms):
        """Count it, and learn how often the bin is emptied."""
        state = self._state
        state.put("emptied", self.emptied + 1)
        unix_s = self._clock.unix_s()
        if unix_s is not None:
            last_s = state.get("emptied_s")
            if last_s is not None and unix_s > last_s:
                every_s = state.get("emptied_every_s", unix_s - last_s)
                state.put("emptied_every_s", (3 * every_s + unix_s - last_s) // 4)
            state.put("emptied_s", unix_s)
        self._save_state()
        self._tell((FILLING, 0, EMPTIED), now_ms)

    def _save_state(self):
        self._state.put("filling", self.filling.state())
        self._state.commit()

    def _report_changes(self, before, now_ms):
        """Tell of full and empty at once, with the level that they follow from."""
        filling = self.filling
        is_changed = (filling.full, filling.empty) != before
        if filling.permille is None or not (is_changed or self._is_first):
            return
        if filling.full != before[0] or self._is_first:
            self._tell((FILLING, 0, FULL), now_ms)
        if filling.empty != before[1] or self._is_first:
            self._tell((FILLING, 0, EMPTY), now_ms)
        if not self._is_first:
            self._report_filling(now_ms)
        self._is_first = False

    def _report_filling(self, now_ms):
        for resource_id in (PERCENTAGE, LEVEL, QUALITY, QUALITY_LEVEL):
            self._tell((FILLING, 0, resource_id), now_ms)

    def _report_all(self, now_ms):
        self._report_filling(now_ms)
        for path in ((FILLING, 0, SPEED), (FILLING, 0, FORECAST_FULL), (TEMPERATURE, 0, VALUE)):
            self._tell(path, now_ms)
        if self._role is not None:
            self._role.report_all(now_ms)
        self._save_state()

    def _tell(self, path, now_ms):
        value = self._answers.value(path)
        if value is not None:
            self._report(path, value, now_ms)


def _is_state(name, value):
    if name == "filling":
        permille, highest_permille, filled, watched_ms = value
        return ((permille is None or is_integer(permille, 0, 1000))
                and is_integer(highest_permille, 0, 1000)
                and is_integer(filled) and is_integer(watched_ms))
    is_time = name in ("emptied_s", "emptied_every_s")
    return (is_time or name == "emptied") and is_integer(value, 0, PLAUSIBLE_UNTIL_S)
