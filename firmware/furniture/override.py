"""The manual override: resources 1, 50 and 51 of 3416, and that it always ends.

It ends by the clock where the time is known, else by uptime. It survives a reset with its end;
while the time is unknown after a boot it goes on for what remained when it was last saved, less a
fee per boot, so that not even a boot loop keeps it for ever. On a switched circuit a power-up is
another night: there it waits for the clock, which alone can say that it still holds.
"""

from firmware.saved import SavedValues, is_integer

KEY = "override"
DURATION_S_MAX = 31 * 86400
# No less than what may have passed since it was last saved (`energy_save_interval_s` of a board).
BOOT_FEE_S = 900
# An end that a corrected clock moves by more is worth a write.
MOVED_S = 60


class Override:
    """At most one override; `level` is None without one, `start_s` 0 means from now on.

    `end_s` is 0 as long as the time of day was never known.
    """

    def __init__(self, store, clock):
        self._saved = SavedValues(store, KEY)
        self._saved.keep(_is_override)
        self.is_damaged = self._saved.is_damaged
        self._clock = clock
        self._forget()

    def restore(self, is_new_night):
        """Take up at boot what was saved."""
        saved = self._saved.get(0)
        if saved is not None:
            self.level, self.start_s, self.end_s, remaining_s = saved
            remaining_s = 0 if is_new_night else max(remaining_s - BOOT_FEE_S, 0)
            self._deadline_ms = self._clock.now_ms + remaining_s * 1000
            self._is_by_uptime = not self.end_s
            self.save()

    def apply(self, level, start_s, end_s, default_s):
        """Override with `level`; `start_s` and `end_s` are Unix seconds or 0 for not given."""
        self.level = level
        self.move(start_s, end_s, default_s)

    def move(self, start_s, end_s, default_s):
        """Change when the override that there is starts and ends."""
        now_s = self._clock.unix_s()
        self.start_s = start_s
        # Two hours are two hours, whatever the clock is set to meanwhile.
        self._is_by_uptime = not (start_s or end_s)
        self._deadline_ms = self._clock.now_ms + default_s * 1000
        if now_s is None:
            self.end_s = end_s
        else:
            begin_s = max(start_s, now_s)
            self.end_s = min(end_s or begin_s + default_s, begin_s + DURATION_S_MAX)
            self._deadline_ms += (self.end_s - now_s - default_s) * 1000
        self.save()

    def clear(self):
        """End it now."""
        if self.level is not None:
            self._forget()
            self._saved.clear()
            self._saved.commit()

    def current_level(self):
        """Return the level that it commands now, or None; forget it when it is over."""
        if self.level is None:
            return None
        now_s = self._clock.unix_s()
        if now_s is None:
            return self._level_by_uptime()
        if self._is_by_uptime or not self.end_s:
            self._follow_uptime()
        # An end given without a clock is limited as soon as there is one.
        self.end_s = min(self.end_s, max(self.start_s, now_s) + DURATION_S_MAX)
        if now_s >= self.end_s:
            self.clear()
            return None
        return self.level if now_s >= self.start_s else None

    def next_ms(self):
        """Return the uptime of its next start or end, or None."""
        if self.level is None:
            return None
        now_s = self._clock.unix_s()
        if now_s is None or not self.end_s:
            return self._deadline_ms if self._deadline_ms > self._clock.now_ms else None
        return self._clock.to_uptime_ms(self.start_s if now_s < self.start_s else self.end_s)

    def save(self):
        """Keep it over a reset; called now and then, for what remains of it by uptime."""
        if self.level is not None:
            remaining_s = max(self._deadline_ms - self._clock.now_ms, 0) // 1000
            self._saved.put(0, [self.level, self.start_s, self.end_s, remaining_s])
            self._saved.commit()

    def _follow_uptime(self):
        end_s = self._clock.to_unix_s(self._deadline_ms)
        is_moved = abs(end_s - self.end_s) > MOVED_S
        self.end_s = end_s
        if is_moved:
            self.save()

    def _level_by_uptime(self):
        if self._clock.now_ms < self._deadline_ms:
            return None if self.start_s else self.level
        if not self.end_s:
            self.clear()
        return None

    def _forget(self):
        self.level = None
        self.start_s = self.end_s = self._deadline_ms = 0
        self._is_by_uptime = False


def _is_override(name, value):
    level, start_s, end_s, remaining_s = value
    if not (is_integer(start_s) and is_integer(end_s) and is_integer(remaining_s)):
        return False
    # Of one that waits for its start it is the clock that tells the end.
    return name == 0 and is_integer(level, 0, 100) and (
        start_s > 0 or remaining_s <= DURATION_S_MAX)
