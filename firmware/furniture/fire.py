"""Fire in a bin from its temperature: an absolute limit, and a rate of rise.

A pure core. A bin in the July sun warms by some 10 K in a quarter of an hour and reaches 50 to
55 degrees Celsius; a fire below a thermometer adds 8 K and more each minute. So a rise only
starts a watch, in which the temperature is read every few seconds, and the watch decides by the
minute.
"""

REFERENCE_MS = 900 * 1000
SUSPECT_RISE_C100 = 1000
WATCH_MS = 180 * 1000
WINDOW_MS = 60 * 1000
ALARM_RISE_C100 = 800
CLEAR_BELOW_C100 = 1000
CLEAR_AFTER_MS = 600 * 1000


class FireDetector:
    """`is_alarm` by readings in 1/100 degree Celsius; `is_watching`: read again within seconds."""

    def __init__(self, limit_centicelsius):
        self.limit_centicelsius = limit_centicelsius
        self.is_alarm = False
        self.is_watching = False
        self._is_over = False
        self._reference = None
        self._window = None
        self._watch_until_ms = 0
        self._alarm_ms = 0

    def update(self, centicelsius, now_ms):
        """Take one reading (or None); return True if the alarm has just begun or ended."""
        if centicelsius is None:
            return False
        before = self.is_alarm
        is_hot = self._is_over_twice(centicelsius)
        is_rising = self._is_rising(centicelsius, now_ms)
        if is_hot or is_rising:
            self.is_alarm = True
            self._alarm_ms = now_ms
        elif centicelsius > self.limit_centicelsius - CLEAR_BELOW_C100:
            self._alarm_ms = now_ms
        elif now_ms - self._alarm_ms >= CLEAR_AFTER_MS:
            self.is_alarm = False
        self.is_watching = now_ms < self._watch_until_ms or (self._is_over and not is_hot)
        return self.is_alarm != before

    def _is_over_twice(self, centicelsius):
        """One reading over the limit may be a disturbed transfer: the next one must agree."""
        was_over = self._is_over
        self._is_over = centicelsius >= self.limit_centicelsius
        return was_over and self._is_over

    def _is_rising(self, centicelsius, now_ms):
        reference = self._reference
        if reference is None or now_ms - reference[0] >= REFERENCE_MS:
            self._reference = (now_ms, centicelsius)
        if reference is not None and centicelsius - reference[1] >= SUSPECT_RISE_C100:
            self._reference = (now_ms, centicelsius)
            self._watch_until_ms = now_ms + WATCH_MS
            self._window = (now_ms, centicelsius)
            return False
        if now_ms > self._watch_until_ms or self._window is None:
            return False
        started_ms, start = self._window
        if now_ms - started_ms > WINDOW_MS:
            self._window = (now_ms, centicelsius)
        return centicelsius - start >= ALARM_RISE_C100
