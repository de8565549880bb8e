"""A board whose sensors show what a test says, and a street to run a furniture on it."""

from firmware.clock import Clock
from protocol.settings import Settings

NOON_S = 1782900000  # 2026-07-01 12:00:00 in Angers


class FakeStore:
    """Keys and values; `writes` counts what a flash would have worn."""

    def __init__(self):
        self.values = {}
        self.writes = 0

    def read(self, key):
        return self.values.get(key)

    def write(self, key, data):
        self.values[key] = bytes(data)
        self.writes += 1

    def remove(self, key):
        self.values.pop(key, None)


class Board:
    """Sensors as attributes of the test's choosing: the roles read them back."""

    def __init__(self, store=None, bays=1):
        self.store = store or FakeStore()
        self.distance_mm = 1000
        self.vector_mg = (0, 0, 1000)
        self.centicelsius = 2000
        self.battery_mv = 3600
        self.frequencies_hz = [60000] * bays
        self.rangefinder = self.accelerometer = self.thermometer = self.battery = self
        self.loops = tuple([FakeLoop(self, number) for number in range(bays)])

    def measure_mm(self):
        return self.distance_mm

    def read_mg(self):
        return self.vector_mg

    def read_centicelsius(self):
        return self.centicelsius

    def read_mv(self):
        return self.battery_mv


class FakeLoop:
    def __init__(self, board, number):
        self._board = board
        self._number = number

    def read_hz(self):
        return self._board.frequencies_hz[self._number]


class Street:
    """One furniture on its board; `reports` lists (path, value, uptime_ms)."""

    def __init__(self, furniture_class, board, unix_s=NOON_S, **values):
        self.board = board
        self.clock = Clock("CET-1CEST,M3.5.0,M10.5.0/3")
        if unix_s is not None:
            self.clock.set_unix_s(unix_s, 3)
        self.reports = []
        settings = Settings(server_uri="coap://gateway", furniture=values)
        self.furniture = furniture_class(board, settings, self.clock, self.report)

    def report(self, path, value, time_ms=None):
        self.reports.append((path, value, time_ms))

    def run(self, seconds):
        """Run the furniture for so long, as the node's shell would."""
        end_ms = self.clock.now_ms + seconds * 1000
        while True:
            due_ms = max(self.furniture.next_timeout_ms(), self.clock.now_ms)
            if due_ms > end_ms:
                break
            self.clock.now_ms = due_ms
            self.furniture.handle_timeout(due_ms)
        self.clock.now_ms = end_ms

    def reported(self, path):
        """Return the values reported for a path, in order."""
        return [value for reported, value, _ in self.reports if reported == path]

    def object(self, object_id):
        for each in self.furniture.objects:
            if each.object_id == object_id:
                return each
        raise AssertionError("no object %d" % object_id)

    def read(self, object_id, instance_id, resource_id):
        return self.object(object_id).read(instance_id, resource_id)

    def write(self, object_id, instance_id, resource_id, value):
        each = self.object(object_id)
        each.check(instance_id, resource_id, value)
        each.begin_write()
        each.write(instance_id, resource_id, value)
        each.end_write(instance_id, (resource_id,))
