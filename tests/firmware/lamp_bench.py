"""A lamp on the bench: simulated hardware, and a clock that jumps to the next thing to do."""

from firmware.clock import SERVER, Clock
from firmware.furniture.lamp import Furniture
from firmware.hardware import MeterReading
from firmware.timezone import days_of
from protocol.settings import Settings

# A photocell that never gives a reading.
DEAD = -1
ANGERS = {"latitude_e6": 47470000, "longitude_e6": -550000}


def utc(year, month, day, hour=0, minute=0, second=0):
    """Return the Unix time of a moment in UTC."""
    return days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second


class Store:
    """A durable store that counts its writes."""

    def __init__(self):
        self.entries = {}
        self.writes = 0

    def read(self, key):
        return self.entries.get(key)

    def write(self, key, data):
        assert len(data) <= 4096
        self.entries[key] = bytes(data)
        self.writes += 1

    def remove(self, key):
        self.entries.pop(key, None)


class Luminaire:
    """Dimmer, meter and light source of 60 W, with the faults that they may have."""

    def __init__(self):
        self.permille = 1000
        self.calls = []
        self.is_silent = False
        self.power_permille = 1000
        self.is_stuck_at_full = False
        self.voltage_mv = 230000
        self.is_meter_silent = False
        self.energy_mws = 0

    def set_level(self, permille):
        if self.is_silent:
            raise OSError(5)
        self.permille = permille
        self.calls.append(permille)

    def power_mw(self):
        permille = 1000 if self.is_stuck_at_full else self.permille
        return 60 * permille * self.power_permille // 1000

    def read(self):
        if self.is_meter_silent:
            return None
        return MeterReading(self.voltage_mv, self.power_mw() // 230, self.power_mw(), 50000, 950,
                            self.energy_mws // 3600)


class Photocell:
    def __init__(self, lux):
        self.lux = lux

    def read_lux(self):
        return self.lux


class Detector:
    def __init__(self):
        self.is_here = False

    def is_present(self):
        return self.is_here


class Board:
    """The hardware of a lamp node; roles that are not asked for are None."""

    energy_save_interval_s = 60

    def __init__(self, store, lux, has_motion, has_meter, reset_cause, mac):
        self.mac = mac
        self.store = store
        self.reset_cause = reset_cause
        self.dimmer = Luminaire()
        self.meter = self.dimmer if has_meter else None
        self.photocell = None if lux is None else Photocell(None if lux == DEAD else lux)
        self.motion = Detector() if has_motion else None


class Bench:
    """A lamp and its world. Time is the node's uptime; the wall clock is unknown until set."""

    def __init__(self, store=None, lux=None, has_motion=False, has_meter=True, cause="power",
                 place=ANGERS, supply="permanent", report_interval_s=None,
                 mac=b"\x24\x6f\x28\x00\x00\x60", energy_mws=0, **furniture):
        self.store = store or Store()
        self.board = Board(self.store, lux, has_motion, has_meter, cause, mac)
        self.luminaire = self.board.dimmer
        self.luminaire.energy_mws = energy_mws
        settings = Settings(server_uri="coap://gateway:5683", supply=supply, furniture=furniture,
                            report_interval_s=report_interval_s, **place)
        self.clock = Clock(settings.timezone)
        self.reports = []
        self.wakes = 0
        self.lamp = Furniture(self.board, settings, self.clock, self._take)
        self.objects = {}
        for lwm2m_object in self.lamp.objects:
            self.objects[lwm2m_object.object_id] = lwm2m_object
        self.run(0)

    def _take(self, path, value, time_ms=None):
        self.reports.append((path, value, self.clock.now_ms))

    def run(self, seconds):
        """Let so much time pass, waking the lamp whenever it asks for it."""
        end_ms = self.clock.now_ms + seconds * 1000
        while True:
            due_ms = max(self.lamp.next_timeout_ms(), self.clock.now_ms)
            step_ms = min(due_ms, end_ms) - self.clock.now_ms
            self.luminaire.energy_mws += self.luminaire.power_mw() * step_ms // 1000
            self.clock.now_ms += step_ms
            if due_ms > end_ms:
                return
            self.wakes += 1
            self.lamp.handle_timeout(self.clock.now_ms)

    def set_clock(self, unix_s):
        """Let a server tell the time, and the lamp notice."""
        self.clock.set_unix_s(unix_s, SERVER)
        self.run(10)

    def run_until(self, unix_s):
        """Let time pass until it is `unix_s` by the node's clock."""
        self.run(unix_s - self.clock.unix_s())

    def write(self, object_id, values, instance_id=0):
        """Do one write operation as device management does."""
        lwm2m_object = self.objects[object_id]
        for resource_id in sorted(values):
            lwm2m_object.check(instance_id, resource_id, values[resource_id])
        lwm2m_object.begin_write()
        for resource_id in sorted(values):
            lwm2m_object.write(instance_id, resource_id, values[resource_id])
        lwm2m_object.end_write(instance_id, tuple(sorted(values)))

    def read(self, object_id, resource_id, instance_id=0):
        return self.objects[object_id].read(instance_id, resource_id)

    def create(self, object_id, instance_id, values):
        leaves = []
        for resource_id in values:
            value = values[resource_id]
            if isinstance(value, dict):
                for key in value:
                    leaves.append(((object_id, instance_id, resource_id, key), value[key]))
            else:
                leaves.append(((object_id, instance_id, resource_id), value))
        self.objects[object_id].create(instance_id, leaves)

    def program(self, times, levels, calendar=None, key=0, priority=0, condition=None,
                off_when_inactive=False):
        """Create a program function, its calendar rule if there is one, and their scheduler."""
        function = {4: {0: times}, 5: {0: levels}}
        if condition:
            function[1] = {0: condition}
        self.create(3454, key, function)
        scheduler = {1: True, 2: priority, 4: key, 6: {0: "</3416/0>"}, 7: {0: "1"},
                     9: off_when_inactive}
        if calendar is not None:
            self.create(3453, key, calendar)
            scheduler[3] = {0: key}
        self.create(3452, key, scheduler)

    def reset(self, cause="watchdog", **changes):
        """Return a bench with the same store after a reset; uptime begins anew."""
        return Bench(store=self.store, cause=cause, **changes)

    def level(self):
        """Return the level that the dimmer is driven at, in percent."""
        return self.luminaire.permille // 10

    def reported(self, path):
        """Return the values reported of a path, oldest first."""
        return [value for known, value, _ in self.reports if known == path]
