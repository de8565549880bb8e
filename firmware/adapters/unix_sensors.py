"""Simulated sensors for a node that is a process: a small day by the process's own uptime."""

from firmware.hardware import MeterReading

LOOP_HZ = 60000
CAR_HZ = 480
# A car comes every other minute; a bin fills in four hours; dusk falls every ten minutes.
CAR_MS = 60000
FILL_MS = 4 * 3600 * 1000
NIGHT_MS = 600000
NOMINAL_MV = 230000


def fit_sensors(board, settings, uptime, world_file, tell):
    """Give `board` the roles of its furniture; `tell(dict)` learns what the lamp does."""
    world = World(uptime, world_file)
    values = settings.furniture_values(board.furniture)
    if board.furniture == "lamp":
        lamp = Lamp(world, values["nominal_w"], tell)
        board.dimmer = board.meter = lamp
        board.photocell = board.motion = Sensors(world, values)
    elif board.furniture == "bin":
        sensors = Sensors(world, values)
        board.rangefinder = board.accelerometer = board.thermometer = board.battery = sensors
    else:
        board.loops = tuple([Loop(world, number) for number in range(values["bays"])])


class World:
    """What the sensors see: a value of the world file, or the simulated one."""

    def __init__(self, uptime, world_file):
        self.uptime = uptime
        self._world_file = world_file

    def see(self, name, simulated):
        """Return the integer that the file has for `name` (None for `none`), else `simulated`."""
        text = self._overrides().get(name)
        if text is None:
            return simulated
        return None if text == "none" else int(text)

    def _overrides(self):
        overrides = {}
        if not self._world_file:
            return overrides
        try:
            with open(self._world_file) as file:
                lines = file.read().split("\n")
        except OSError:
            return overrides
        for line in lines:
            words = line.split()
            if len(words) == 2:
                overrides[words[0]] = words[1]
        return overrides


class Sensors:
    """A lamp's photocell and motion sensor, or all of a bin's sensors."""

    def __init__(self, world, values):
        self._world = world
        self._height_mm = values.get("container_height_cm", 0) * 10
        self._offset_mm = values.get("sensor_offset_cm", 0) * 10

    def read_lux(self):
        is_night = self._world.uptime.now_ms() // NIGHT_MS % 2 == 0
        return self._world.see("lux", 2 if is_night else 5000)

    def is_present(self):
        return bool(self._world.see("is_present", 0))

    def measure_mm(self):
        level_mm = self._height_mm * (self._world.uptime.now_ms() % FILL_MS) // FILL_MS
        return self._world.see("distance_mm", self._height_mm + self._offset_mm - level_mm)

    def read_mg(self):
        z = self._world.see("z_mg", 1000)
        return None if z is None else (self._world.see("x_mg", 0), self._world.see("y_mg", 0), z)

    def read_centicelsius(self):
        return self._world.see("centicelsius", 1850)

    def read_mv(self):
        return self._world.see("battery_mv", 3600)


class Loop:
    """An inductive loop of a bay to which a car comes every other minute."""

    def __init__(self, world, number):
        self._world = world
        self._number = number

    def read_hz(self):
        is_car = (self._world.uptime.now_ms() // CAR_MS + self._number) % 2
        name = "frequency_hz.%d" % self._number
        return self._world.see(name, LOOP_HZ + (CAR_HZ if is_car else 0))


class Lamp:
    """Dimmer and meter of one luminaire: power in proportion to the level, 1 W when off."""

    def __init__(self, world, nominal_w, tell):
        self._world = world
        self._nominal_mw = nominal_w * 1000
        self._tell = tell
        self._permille = None
        self._energy_mws = 0
        self._read_ms = 0

    def set_level(self, permille):
        if permille != self._permille:
            self._count()
            self._permille = permille
            self._tell({"event": "LightSet", "permille": permille})

    def read(self):
        self._count()
        power_mw = self._power_mw()
        return MeterReading(
            NOMINAL_MV, power_mw * 1000 // NOMINAL_MV, power_mw, 50000, 1000,
            self._energy_mws // 3600)

    def _power_mw(self):
        permille = 1000 if self._permille is None else self._permille
        return self._world.see("power_mw", max(self._nominal_mw * permille // 1000, 1000))

    def _count(self):
        now_ms = self._world.uptime.now_ms()
        self._energy_mws += self._power_mw() * (now_ms - self._read_ms) // 1000
        self._read_ms = now_ms
