"""The bin's chips, against traces made from their datasheets."""

from firmware.drivers.battery_divider import BatteryDivider
from firmware.drivers.lis2dh12 import Lis2dh12
from firmware.drivers.mb7389 import BUFFER_MAX, Mb7389
from firmware.drivers.tmp117 import Tmp117
from tests.firmware.buses import FakePin, ScriptedI2C, ScriptedUart
from tests.portable import seeded_bytes


def rangefinder(*chunks):
    """A sensor that was switched on, with `chunks` to come."""
    sensor = Mb7389(ScriptedUart(None, *chunks), FakePin())
    sensor.measure_mm()
    return sensor


def test_MB7389_frame_is_a_distance():
    assert rangefinder(b"R1234\r").measure_mm() == 1234


def test_MB7389_latest_of_several_frames_counts():
    assert rangefinder(b"R1234\rR1240\rR12").measure_mm() == 1240


def test_MB7389_frame_may_come_in_two_parts():
    sensor = rangefinder(b"R12", b"34\r")
    assert sensor.measure_mm() is None
    assert sensor.measure_mm() == 1234


def test_MB7389_distance_is_given_once():
    sensor = rangefinder(b"R1234\r", None)
    sensor.measure_mm()
    assert sensor.measure_mm() is None


def test_MB7389_5000_is_no_target():
    assert rangefinder(b"R5000\r").measure_mm() is None


def test_MB7389_text_after_power_up_is_no_distance():
    sensor = rangefinder(b"HRXL-MaxSonar-WRMT\rPN:MB7389\rR0300\r")
    assert sensor.measure_mm() == 300
    assert sensor.errors == 2


def test_MB7389_is_switched_on_by_the_first_call_and_off_again():
    supply = FakePin()
    sensor = Mb7389(ScriptedUart(b"\x00", b"R1234\r"), supply)
    assert sensor.measure_mm() is None
    assert supply.level == 1
    sensor.switch_off()
    assert supply.level == 0


def test_MB7389_random_bytes_do_no_harm():
    for seed in range(300):
        data = seeded_bytes(seed, 200)
        distance_mm = rangefinder(data + b"\rR0777\r").measure_mm()
        assert distance_mm == 777


def test_MB7389_line_without_end_is_bounded():
    sensor = rangefinder(*[b"x" * 50] * 5)
    for _ in range(5):
        sensor.measure_mm()
    assert len(sensor._buffer) == BUFFER_MAX


def test_LIS2DH12_is_configured_first_and_read_next():
    i2c = ScriptedI2C(
        ("r", 0x19, 0x20, b"\x07"), ("r", 0x19, 0x0F, b"\x33"),
        ("w", 0x19, 0x23, b"\x88"), ("w", 0x19, 0x20, b"\x27"),
        ("r", 0x19, 0x20, b"\x27"), ("r", 0x19, 0xA8, b"\x10\x00\xf0\xff\x80\x3e"),
    )
    accelerometer = Lis2dh12(i2c)
    assert accelerometer.read_mg() is None
    # 12 bits left-justified, 1 mg per digit (datasheet table 4).
    assert accelerometer.read_mg() == (1, -1, 1000)
    assert i2c.is_done


def test_LIS2DH12_another_chip_at_its_address_is_none_and_counted():
    accelerometer = Lis2dh12(ScriptedI2C(("r", 0x19, 0x20, b"\x07"), ("r", 0x19, 0x0F, b"\x32")))
    assert accelerometer.read_mg() is None
    assert accelerometer.errors == 1


def test_LIS2DH12_that_does_not_answer_is_none_and_counted():
    accelerometer = Lis2dh12(ScriptedI2C(("r", 0x19, 0x20, None)))
    assert accelerometer.read_mg() is None
    assert accelerometer.errors == 1


def thermometer(*results):
    """A running TMP117 with these results to come."""
    steps = []
    for result in results:
        steps += [("r", 0x48, 0x01, b"\x22\x00"), ("r", 0x48, 0x00, result)]
    return Tmp117(ScriptedI2C(*steps))


# Datasheet SNOSD82, table "16-bit temperature data format".
TMP117_TABLE = (
    (b"\x80\x00", None), (b"\xf3\x80", -2500), (b"\xff\xf0", -13), (b"\xff\xff", -1),
    (b"\x00\x00", 0), (b"\x00\x01", 0), (b"\x00\x10", 12), (b"\x00\x80", 100), (b"\x0c\x80", 2500),
    (b"\x32\x00", 10000), (b"\x4b\x00", 15000), (b"\x7f\xff", 25599),
)


def test_TMP117_data_format_of_the_datasheet():
    chip = thermometer(*[result for result, _ in TMP117_TABLE])
    for _, centicelsius in TMP117_TABLE:
        assert chip.read_centicelsius() == centicelsius


def test_TMP117_mode_is_set_first():
    i2c = ScriptedI2C(
        ("r", 0x48, 0x01, b"\x02\x20"), ("r", 0x48, 0x0F, b"\x01\x17"),
        ("w", 0x48, 0x01, b"\x02\x00"),
    )
    chip = Tmp117(i2c)
    assert chip.read_centicelsius() is None
    assert i2c.is_done


def test_TMP117_another_chip_or_none_is_counted():
    chip = Tmp117(ScriptedI2C(
        ("r", 0x48, 0x01, b"\x00\x00"), ("r", 0x48, 0x0F, b"\x01\x16"), ("r", 0x48, 0x01, None),
    ))
    assert chip.read_centicelsius() is None
    assert chip.read_centicelsius() is None
    assert chip.errors == 2


class FakeAdc:
    def __init__(self, *samples_uv):
        self._samples_uv = list(samples_uv)

    def read_uv(self):
        return self._samples_uv.pop(0)


def test_battery_voltage_is_the_median_sample_times_the_ratio():
    assert BatteryDivider(FakeAdc(1780000, 1800000, 900000), 2).read_mv() == 3560


def test_battery_that_is_not_connected_is_none():
    assert BatteryDivider(FakeAdc(0, 0, 0), 2).read_mv() is None
