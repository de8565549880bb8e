"""The settings of a node: one CBOR map that the tools write and the node reads at start."""

from protocol import cbor, number
from protocol.errors import DecodeError

FURNITURES = ("lamp", "bin", "parking")
COAP_PORT = 5683
TEXT_LENGTH_MAX = 128
SHAPE_POINTS_MAX = 16

_DAY_S = 86400
_LEFT_OUT = (("security", "oscore"), ("open_discovery", False))


class Settings:
    """A node's settings; every field but `server_uri` has a default.

    `server_uri` "coap://host:port", `lifetime_s`, `registration_spread_s`, `timezone` (POSIX TZ),
    `latitude_e6` and `longitude_e6` (microdegrees, both or neither), `asset`, `name`, `supply`
    "permanent" or "switched", `report_interval_s` (None: the furniture's own),
    `queue_readings_max`, `awake_window_s`, and `furniture`: what was given of the furniture's own
    settings, the whole of which is `furniture_values`. `security` is "oscore" or "none", a bench
    without keys; `open_discovery` lets a peer without keys ask what this is (.well-known/core).
    Raises DecodeError with the key and what is allowed.
    """

    _fields = (
        "server_uri", "lifetime_s", "registration_spread_s", "timezone", "latitude_e6",
        "longitude_e6", "asset", "name", "supply", "report_interval_s", "queue_readings_max",
        "awake_window_s", "furniture", "security", "open_discovery",
    )

    def __init__(self, **given):
        given = _Given(given)
        self.server_uri = given.text("server_uri", None)
        self.lifetime_s = given.integer("lifetime_s", 3600, 30, 30 * _DAY_S)
        self.registration_spread_s = given.integer("registration_spread_s", 60, 0, 3600)
        self.timezone = given.text("timezone", "CET-1CEST,M3.5.0,M10.5.0/3")
        self.latitude_e6 = given.integer("latitude_e6", None, -90000000, 90000000)
        self.longitude_e6 = given.integer("longitude_e6", None, -180000000, 180000000)
        self.asset = given.text("asset", "")
        self.name = given.text("name", "")
        self.supply = given.choice("supply", ("permanent", "switched"))
        self.report_interval_s = given.integer("report_interval_s", None, 1, 7 * _DAY_S)
        self.queue_readings_max = given.integer("queue_readings_max", 256, 16, 4096)
        self.awake_window_s = given.integer("awake_window_s", 10, 1, 300)
        self.furniture = given.take("furniture", {})
        self.security = given.choice("security", ("oscore", "none"))
        self.open_discovery = given.boolean("open_discovery", False)
        given.refuse_rest()
        self.server()
        if (self.latitude_e6 is None) != (self.longitude_e6 is None):
            raise DecodeError("latitude_e6 and longitude_e6 must be given together")
        _check_furniture(self.furniture)

    def server(self):
        """Return (host, port) of `server_uri`; an IPv6 address without its brackets."""
        scheme, _, authority = self.server_uri.partition("://")
        end = authority.find("]") + 1 if authority[:1] == "[" else len(authority.split(":")[0])
        host = authority[:end].strip("[]")
        port = authority[end:] or ":%d" % COAP_PORT
        if scheme != "coap" or not host or "/" in host or port[0] != ":" or not _is_port(port[1:]):
            raise DecodeError("server_uri must be coap://host:port")
        return host, int(port[1:])

    def furniture_values(self, furniture):
        """Return the settings of `furniture` ("lamp", "bin" or "parking") as a complete dict."""
        given = _Given(self.furniture)
        _read_furniture(given, furniture)
        given.refuse_rest()
        return given.values


def encode(settings):
    """Return the bytes of the settings file."""
    items = {}
    for field in Settings._fields:
        value = getattr(settings, field)
        # A release that does not know a key refuses it: where it says nothing it is left out.
        if value is not None and (field, value) not in _LEFT_OUT:
            items[field] = value
    return cbor.encode(items)


def decode(data):
    """Return the Settings that the file's bytes hold; raises DecodeError, naming the key."""
    items = cbor.decode(data)
    _check_map(items, "settings")
    return Settings(**items)


class _Given:
    def __init__(self, given):
        self.rest = dict(given)
        self.values = {}

    def take(self, key, default):
        self.values[key] = self.rest.pop(key, default)
        return self.values[key]

    def integer(self, key, default, lowest, highest):
        value = self.take(key, default)
        if value is None and default is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise DecodeError(f"{key} must be an integer from {lowest} to {highest}")
        return value

    def boolean(self, key, default):
        value = self.take(key, default)
        if not isinstance(value, bool):
            raise DecodeError(f"{key} must be true or false")
        return value

    def text(self, key, default):
        value = self.take(key, default)
        if not isinstance(value, str) or len(value) > TEXT_LENGTH_MAX:
            raise DecodeError(f"{key} must be a text of at most {TEXT_LENGTH_MAX} characters")
        return value

    def choice(self, key, allowed):
        value = self.take(key, allowed[0])
        if value not in allowed:
            raise DecodeError(f"{key} must be one of: {', '.join(allowed)}")
        return value

    def refuse_rest(self):
        for key in self.rest:
            raise DecodeError(f"{key} is not a setting")

    def require(self, lesser, greater):
        if self.values[lesser] >= self.values[greater]:
            raise DecodeError(f"{lesser} must be below {greater}")


def _check_map(items, key):
    if not isinstance(items, dict) or not all([isinstance(each, str) for each in items]):
        raise DecodeError(f"{key} must be a map with names as keys")


def _check_furniture(items):
    _check_map(items, "furniture")
    given = _Given(items)
    for furniture in FURNITURES:
        _read_furniture(given, furniture)
    given.refuse_rest()


def _read_furniture(given, furniture):
    if furniture == "lamp":
        _read_lamp(given)
    elif furniture == "bin":
        _read_bin(given)
    else:
        _read_parking(given)


def _read_lamp(given):
    given.integer("default_level", 100, 0, 100)
    given.integer("minimum_level", 10, 0, 100)
    given.integer("nominal_w", 60, 1, 10000)
    given.integer("fade_ms", 2000, 0, 600000)
    given.integer("dark_lux", 20, 0, 100000)
    given.integer("light_lux", 35, 1, 100000)
    given.integer("motion_boost_level", None, 0, 100)
    given.integer("motion_boost_s", 60, 1, 3600)
    given.boolean("constant_light_output", False)
    # Were they equal, the lamp's own light could switch it off and on for ever.
    given.require("dark_lux", "light_lux")


def _read_bin(given):
    given.integer("container_height_cm", 120, 10, 1000)
    given.integer("sensor_offset_cm", 0, -100, 500)
    given.integer("container_width_cm", 100, 10, 1000)
    given.choice("installation", ("above ground", "underground"))
    _check_shape(given.take("shape", "prism"))
    given.integer("high_threshold", 80, 1, 100)
    given.integer("low_threshold", 10, 0, 99)
    given.integer("fire_centicelsius", 6000, 3000, 20000)
    given.integer("measure_interval_s", 900, 10, _DAY_S)
    given.require("low_threshold", "high_threshold")


def _read_parking(given):
    given.integer("bays", 1, 1, 16)
    given.integer("overstay_s", None, 60, 30 * _DAY_S)
    given.integer("threshold_ppm", 4000, 100, 100000)
    given.integer("hysteresis_ppm", 2000, 0, 100000)
    given.integer("dwell_ms", 2000, 0, 600000)
    given.require("hysteresis_ppm", "threshold_ppm")


def _check_shape(shape):
    if shape == "prism":
        return
    previous = (-1, -1)
    is_right = isinstance(shape, (list, tuple)) and 0 < len(shape) <= SHAPE_POINTS_MAX
    for point in shape if is_right else ():
        is_right = is_right and _is_above(point, previous)
        previous = point
    if not is_right or previous[1] != 1000:
        raise DecodeError("shape must be prism, or ascending [height_cm, volume_permille] to 1000")


def _is_above(point, previous):
    if not isinstance(point, (list, tuple)) or len(point) != 2:
        return False
    for value, before in zip(point, previous):
        if isinstance(value, bool) or not isinstance(value, int) or not before < value <= 1000:
            return False
    return True


def _is_port(text):
    return number.is_digits(text) and len(text) <= 5 and 0 < int(text) < 65536
