"""A node does the same whether it looks at its furniture alone or at everything, and how often."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.hardware import MeterReading
from protocol import coap_message as coap
from tests.firmware.board import Board, Street

STRANGER = ("stranger.example", 5683)
UNIX_S = 1_800_000_000


class Day:
    """Every sensor of a furniture, as a function of one seed and the time at which it is read."""

    def __init__(self, seed: int, street: Street) -> None:
        self._seed = seed
        self._street = street

    @property
    def now_ms(self) -> int:
        return self._street.now_ms

    def _draw(self, what: str, length_ms: int) -> random.Random:
        """Return the generator of one stretch of time; a sensor's noise has stretches of 1 ms."""
        return random.Random(f"{self._seed}/{what}/{self.now_ms // length_ms}")

    def read(self) -> MeterReading | None:
        share = self._draw("power", 300_000).choice((1, 1, 1, 0, 2))
        power_mw = 60_000 * share + self._draw("meter", 1).randrange(500)
        voltage_mv = self._draw("voltage", 600_000).choice((230_000, 231_000, 200_000))
        return MeterReading(voltage_mv, power_mw // 230, power_mw, 50_000, 950,
                            self.now_ms // 60)

    def read_lux(self) -> int:
        return self._draw("sky", 900_000).choice((5, 28, 300)) + self._draw("lux", 1).randrange(9)

    def is_present(self) -> bool:
        return self._draw("passer-by", 30_000).random() < 0.2

    def measure_mm(self) -> int | None:
        return self._draw("bin", 1_800_000).randrange(200, 1150) + self._draw("mm", 1).randrange(9)

    def read_mg(self) -> tuple[int, int, int]:
        return self._draw("tilt", 900_000).choice(((0, 0, 1000), (0, 3, 1000), (900, 0, 300)))

    def read_centicelsius(self) -> int:
        return self._draw("heat", 900_000).choice((2100, 2100, 3500, 7000))

    def read_mv(self) -> int:
        return 3600

    def read_hz(self) -> int | None:
        is_there = self._draw("car", 400_000).random() < 0.5
        frequency_hz = (61_200 if is_there else 60_000) + self._draw("loop", 1).randrange(9)
        return None if self._draw("wire", 700_000).random() < 0.1 else frequency_hz


class DayBoard(Board):
    """A board with all the roles of its furniture, which notes what its dimmer is told."""

    def __init__(self, furniture: str, day: Day) -> None:
        super().__init__(furniture)
        self.day = day
        self.levels: list[tuple[int, int]] = []
        self.dimmer = self.rangefinder = self.battery = None
        if furniture == "lamp":
            self.dimmer = self
            self.meter = self.photocell = self.motion = day
        elif furniture == "bin":
            self.rangefinder = self.accelerometer = self.thermometer = self.battery = day
        else:
            self.loops = (day, day)

    def set_level(self, permille: int) -> None:
        self.levels.append((self.day.now_ms, permille))


class DayStreet(Street):
    """Notes when the server got what. `is_stirred`: after each call the node looks at everything,
    because a stranger has spoken to it.
    """

    is_stirred = False

    def __init__(self, furniture: str, seed: int) -> None:
        self.deeds: list[tuple] = []
        self.now_ms = 0
        options = {"bays": 2, "overstay_s": 900} if furniture == "parking" else {}
        super().__init__(DayBoard(furniture, Day(seed, self)), lifetime_s=900, furniture=options)
        self.request(coap.PUT, "3/0/13", str(UNIX_S).encode(), content_format=0)

    def settle(self) -> None:
        if self.is_stirred:
            self.node.receive_datagram(b"", STRANGER, self.now_ms)
        super().settle()

    def _answer(self, event) -> None:
        self.deeds.append((self.now_ms, event.request.path, event.request.payload))
        super()._answer(event)

    def seen(self) -> tuple:
        """Return what there is to see of the node from outside."""
        events = [[type(event).__name__, *(str(getattr(event, name)) for name in event._fields)]
                  for event in self.events]
        return self.deeds, events, self.board.levels, self.board.store.writes


@settings(max_examples=9)
@given(furniture=st.sampled_from(("lamp", "bin", "parking")), seed=st.integers(0, 999),
       gaps_ms=st.lists(st.integers(1, 600_000), min_size=4, max_size=8))
def test_a_node_that_looks_at_its_furniture_alone_does_what_one_does_that_looks_at_all(
        furniture, seed, gaps_ms):
    streets = [DayStreet(furniture, seed) for _ in range(3)]
    streets[1].is_stirred = True
    for gap_ms in gaps_ms:
        for street in streets:
            street.advance(gap_ms)
        # Nor does it matter that somebody calls before anything is due.
        streets[2].node.handle_timeout(streets[2].now_ms)
    assert streets[0].seen() == streets[1].seen() == streets[2].seen()
    assert streets[0].deeds
