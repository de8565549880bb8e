"""Observations: when a server hears of a change (OMA Core 5.1.2 and 6.4, RFC 7641).

Notifications are confirmable, all of them: a node on a radio has no other way to learn that its
server is gone, and what a server observes here is a live view; history travels by Send.
"""

from protocol import number
from protocol.number import Decimal

OBSERVATIONS_MAX = 12
# A fading lamp changes twenty times a second; to look at all that is observed each time would
# take longer than that.
LOOK_INTERVAL_MS = 250


class _Watch:
    """One path of an observation, as it was notified last."""

    def __init__(self, path, leaves):
        self.path = path
        self.take(leaves)

    def take(self, leaves):
        self.names = hash(tuple([leaf[0] for leaf in leaves]))
        self.values = tuple([leaf[1] for leaf in leaves])

    def is_changed(self, leaves, attributes):
        """Tell whether what there is now is worth a notification."""
        values = tuple([leaf[1] for leaf in leaves])
        if values == self.values and hash(tuple([leaf[0] for leaf in leaves])) == self.names:
            return False
        if len(self.path) < 3 or len(values) != 1 or len(self.values) != 1:
            return True
        return _meets_condition(self.values[0], values[0], attributes)


def _meets_condition(before, now, attributes):
    """Apply gt, lt and st, in both directions, to a number; anything else counts as it is."""
    bounds = ((attributes.gt, 1), (attributes.lt, -1))
    if attributes.gt is None and attributes.lt is None and attributes.st is None:
        return True
    for value in (before, now):
        if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
            return True
    for bound, sign in bounds:
        if bound is not None:
            was_beyond = number.compare(before, bound) * sign > 0
            if was_beyond != (number.compare(now, bound) * sign > 0):
                return True
    if attributes.st is None:
        return False
    is_rising = number.compare(now, before) > 0
    step = number.subtract(now, before) if is_rising else number.subtract(before, now)
    return number.compare(step, attributes.st) >= 0


class _Observation:
    def __init__(self, exchange, is_composite, paths, content_format, now_ms):
        self.exchange = exchange
        self.is_composite = is_composite
        self.content_format = content_format
        self.watches = [_Watch(path, ()) for path in paths]
        self.notified_ms = now_ms
        self.due_ms = None


class Observations:
    """What the server observes, at most OBSERVATIONS_MAX.

    `management` is the node's DeviceManagement, `attributes` its AttributeStore, `server` its
    object 1.
    """

    def __init__(self, management, attributes, server, endpoint):
        self._management = management
        self._attributes = attributes
        self._server = server
        self._endpoint = endpoint
        self._observations = {}
        self._looked_ms = 0
        self._is_look_wanted = False

    def __len__(self):
        return len(self._observations)

    def begin(self, exchange, operation, payload, response, now_ms):
        """Observe what `response` answers; return False if there is no room."""
        if len(self._observations) >= OBSERVATIONS_MAX:
            return False
        paths = self._management.paths(operation, payload)
        observation = _Observation(
            exchange, not operation.path, paths, response.content_format, now_ms)
        for watch in observation.watches:
            watch.take(self._management.present_leaves([watch.path]))
        self._observations[exchange] = observation
        self._plan(observation)
        return True

    def end(self, exchange):
        """Forget an observation that the endpoint knows is over."""
        self._observations.pop(exchange, None)

    def clear(self):
        """Forget all: a new registration ends them (OMA Core 6.4.1)."""
        for exchange in self._observations:
            self._endpoint.end_observation(exchange)
        self._observations.clear()

    def next_timeout_ms(self):
        """Return when run() has something to say even if nothing changes, or None."""
        times = [observation.due_ms for observation in self._observations.values()
                 if observation.due_ms is not None]
        if self._is_look_wanted:
            times.append(self._looked_ms + LOOK_INTERVAL_MS)
        return min(times) if times else None

    def run(self, now_ms, can_speak):
        """Notify what is due; return True if something is, and may not be said now.

        While the server cannot be told, a notification waits if the server wishes so (1/x/6), and
        says then how things are, not how they were.
        """
        is_too_soon = 0 < now_ms - self._looked_ms < LOOK_INTERVAL_MS
        self._is_look_wanted = is_too_soon and len(self._observations) > 0
        if is_too_soon:
            return False
        self._looked_ms = now_ms
        is_waiting = False
        for observation in tuple(self._observations.values()):
            if not self._is_due(observation, now_ms):
                continue
            if can_speak:
                self._notify(observation, now_ms)
            elif self._server.is_storing():
                is_waiting = True
                observation.due_ms = None
            else:
                self._note(observation, now_ms)
        return is_waiting

    def _is_due(self, observation, now_ms):
        pmin_ms, pmax_ms = self._periods(observation)
        if pmax_ms and now_ms - observation.notified_ms >= pmax_ms:
            return True
        for watch in observation.watches:
            leaves = self._management.present_leaves([watch.path])
            if watch.is_changed(leaves, self._attributes.at(watch.path)):
                if now_ms - observation.notified_ms >= pmin_ms:
                    return True
                observation.due_ms = observation.notified_ms + pmin_ms
                return False
        self._plan(observation)
        return False

    def _periods(self, observation):
        """Return (pmin, pmax) in ms; of several paths the shortest of each. pmax 0 is none."""
        pmin_s, pmax_s = None, 0
        for watch in observation.watches:
            attributes = self._attributes.at(watch.path)
            pmin = attributes.pmin_s
            if pmin is None:
                pmin = self._server.default_pmin_s()
            pmax = attributes.pmax_s
            if pmax is None:
                pmax = self._server.default_pmax_s()
            if pmax and pmax < pmin:
                # "ignored if less than pmin" (OMA Core table 5.1.2-2).
                pmax = 0
            pmin_s = pmin if pmin_s is None else min(pmin_s, pmin)
            if pmax:
                pmax_s = min(pmax_s, pmax) if pmax_s else pmax
        return pmin_s * 1000, pmax_s * 1000

    def _plan(self, observation):
        pmax_ms = self._periods(observation)[1]
        observation.due_ms = observation.notified_ms + pmax_ms if pmax_ms else None

    def _note(self, observation, now_ms):
        for watch in observation.watches:
            watch.take(self._management.present_leaves([watch.path]))
        observation.notified_ms = now_ms
        self._plan(observation)

    def _notify(self, observation, now_ms):
        response = self._management.state(
            [watch.path for watch in observation.watches], observation.is_composite,
            observation.content_format)
        self._note(observation, now_ms)
        if not self._endpoint.notify(observation.exchange, response, now_ms, True):
            self.end(observation.exchange)
        elif response.code >= 128:
            # What was observed is gone; an error code is the last notification (RFC 7641 4.2).
            self.end(observation.exchange)
