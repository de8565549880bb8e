"""The tables of a scenario's TOML file as frozen structs; docs/simulation.md explains each key."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from simulator.fault import FaultKind
from simulator.scenario_times import Length, When, offset_s, seconds
from simulator.world.layout import LayoutSettings
from simulator.world.places import ANGERS, Place
from simulator.world.replay import load
from simulator.world.world import WorldSettings

Text = Annotated[str, Meta(min_length=1, max_length=1000, description="a sentence or two")]
Share = Annotated[float, Meta(ge=0, le=1)]
Factor = Annotated[float, Meta(ge=0, le=100)]
Profile = Annotated[str, Meta(min_length=1, description="the name of a link's profile")]
Kind = Literal[tuple(kind.value for kind in FaultKind)]


class _Table(Struct, frozen=True):
    pass


class About(_Table, kw_only=True):
    """`[scenario]`: what it is, how large, and when it begins."""

    summary: Text
    nodes: Annotated[int, Meta(ge=1, le=1_000_000)]
    hours: Annotated[float, Meta(gt=0, le=10_000, description="a number from 0 to 10000")]
    start: Annotated[datetime, Meta(tz=True, description="a time such as "
                                                         "2026-11-12T15:00:00+01:00")]
    gateways: Annotated[int, Meta(ge=1, le=1000)] = 1
    bench: bool = False  # too long for make test and make prove


class Town(_Table):
    """`[place]`: where the street stands; `timezone` is a POSIX TZ rule."""

    name: Text
    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]
    timezone: Annotated[str, Meta(min_length=1, max_length=128, description="a POSIX TZ rule")]


Part = Annotated[int, Meta(ge=0, le=1000)]
Interval = Annotated[int, Meta(ge=1, le=604_800)]


class Fleet(_Table):
    """`[fleet]`: what stands in the street, in which shares, and how its nodes are set up.

    `releases` are shared out among the nodes in turn; "every" stands for all that were released.
    """

    lamps: Part = 6
    bins: Part = 2
    parking: Part = 2
    supply: Literal["permanent", "switched"] = "permanent"
    security: Literal["oscore", "none"] = "oscore"
    releases: tuple[str, ...] = ("today",)
    lifetime_s: Annotated[int, Meta(ge=30, le=2_592_000)] = 3600
    registration_spread_s: Annotated[int, Meta(ge=0, le=3600)] = 60
    queue_readings_max: Annotated[int, Meta(ge=16, le=4096)] = 256
    motion_share: Share = 0.0
    lamp_interval_s: Interval = 900
    bin_interval_s: Interval = 3600
    parking_interval_s: Interval = 3600
    lamp: dict[str, Any] = {}
    bin: dict[str, Any] = {}
    bay: dict[str, Any] = {}

    def interval_s(self, furniture: str) -> int:
        """Return the report interval of "lamp", "bin" or "parking"."""
        return {"lamp": self.lamp_interval_s, "bin": self.bin_interval_s,
                "parking": self.parking_interval_s}[furniture]

    def own_settings(self, furniture: str) -> dict[str, Any]:
        """Return what the scenario sets of the furniture's own settings (protocol.settings)."""
        return {"lamp": self.lamp, "bin": self.bin, "parking": self.bay}[furniture]


class Network(_Table):
    """`[network]`: the links; `links` names another profile for nodes, by patterns of names."""

    profile: Profile = "good-wifi"
    links: dict[str, Profile] = {}


class World(_Table):
    """`[world]`: the weather and how lively it is; 1 is what the model calls usual."""

    weather: Literal["clear", "mixed", "overcast"] = "mixed"
    traffic: Factor = 1.0
    arrivals: Factor = 1.0
    waste: Factor = 1.0
    fires_per_day: Factor = 0.0
    knocks_per_day: Factor = 0.0
    csv: str = ""


class BackEnd(_Table):
    """`[back_end]`: what counts as delivered, and what a crash leaves of the broker's memory."""

    ack: Literal["broker", "application"] = "application"
    durability: Literal["always", "snapshots", "never"] = "always"


class FaultEntry(_Table, kw_only=True):
    """`[[fault]]`: one thing that goes wrong at a stated time."""

    at: When
    kind: Kind
    target: Text = "all"
    length: Length = field(default="0s", name="for")
    amount: Annotated[float | None, Meta(description="a number")] = None


class Rate(_Table, kw_only=True):
    """`[[rate]]`: what goes wrong so often a day at each node, gateway or circuit of `targets`."""

    kind: Kind
    per_day: Annotated[float, Meta(ge=0, le=10_000)]
    targets: Text = "all"
    length: Length = field(default="0s", name="for")
    amount: Annotated[float | None, Meta(description="a number")] = None


class CommandEntry(_Table, kw_only=True):
    """`[[command]]`: what the city asks of a node at a stated time."""

    at: When
    node: Text
    operation: Literal["dim", "resume", "write", "execute"]
    path: str = ""
    value: Any = None
    length: Length = field(default="1h", name="for")
    expires: Length = "1h"


class Commands(_Table):
    """`[commands]`: what the city asks of drawn nodes, so often an hour in the whole district."""

    per_hour: Annotated[float, Meta(ge=0, le=100_000)] = 0.0
    expires: Length = "1h"


class Checks(_Table):
    """`[checks]`: the bounds that the checks hold the run to."""

    quiet: Length = "30m"
    registered_again_s: Annotated[int, Meta(ge=1, le=864_000)] = 900
    registrations_per_s_max: Annotated[int, Meta(ge=1, le=100_000)] = 100
    lamp_dark_s_max: Annotated[int, Meta(ge=1, le=864_000)] = 3600
    lamp_lit_by_day_s_max: Annotated[int, Meta(ge=1, le=864_000)] = 3600
    alarm_s_max: Annotated[int, Meta(ge=1, le=864_000)] = 120
    reading_time_error_s_max: Annotated[int, Meta(ge=1, le=864_000)] = 5
    command_answer_s_max: Annotated[int, Meta(ge=1, le=864_000)] = 300
    queue_rows_max: Annotated[int, Meta(ge=1, le=1_000_000_000)] = 1_000_000
    journal_readings_max: Annotated[int, Meta(ge=1, le=1_000_000)] = 4096
    tasks_max: Annotated[int, Meta(ge=1, le=10_000_000)] = 100_000


class Scenario(_Table, kw_only=True):
    """The whole file; `name` is the file's own."""

    name: str
    about: About = field(name="scenario")
    town: Town | None = field(default=None, name="place")
    fleet: Fleet = Fleet()
    network: Network = Network()
    world: World = World()
    gateway: dict[str, Any] = {}
    back_end: BackEnd = BackEnd()
    faults: tuple[FaultEntry, ...] = field(default=(), name="fault")
    rates: tuple[Rate, ...] = field(default=(), name="rate")
    orders: tuple[CommandEntry, ...] = field(default=(), name="command")
    commands: Commands = Commands()
    checks: Checks = Checks()

    @property
    def place(self) -> Place:
        """Return where it is."""
        town = self.town
        if town is None:
            return ANGERS
        return Place(town.name, town.latitude, town.longitude, town.timezone)

    def layout_settings(self) -> LayoutSettings:
        """Return what stands in the streets."""
        fleet = self.fleet
        return LayoutSettings(
            lamps=fleet.lamps, bins=fleet.bins, parking=fleet.parking,
            bays=fleet.bay.get("bays", 1), supply=fleet.supply,
            lamp_w=fleet.lamp.get("nominal_w", 60),
            bin_height_mm=fleet.bin.get("container_height_cm", 120) * 10,
            motion_share=fleet.motion_share)

    def world_settings(self) -> WorldSettings:
        """Return how lively the world is; reads the file that takes the model's place, if any.

        Raises OSError, ReplayError.
        """
        world = self.world
        replay = None
        if world.csv:
            replay = load(Path(self.name).parent / world.csv, self.start_unix_s)
        return WorldSettings(
            weather=world.weather, traffic=world.traffic, arrivals=world.arrivals,
            waste=world.waste, fires_per_day=world.fires_per_day,
            knocks_per_day=world.knocks_per_day, replay=replay)

    @property
    def start_unix_s(self) -> int:
        """Return the Unix time at which the run begins."""
        return int(self.about.start.timestamp())

    @property
    def quiet_s(self) -> int:
        """Return how long before the end of its time nothing goes wrong any more."""
        return seconds(self.checks.quiet)

    def offset_s(self, when: str) -> int:
        """Return how many seconds after the start `when` is."""
        return offset_s(when, self.about.start)
