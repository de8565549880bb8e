"""The lamp's chips, against traces made from their datasheets."""

from firmware.drivers.bl0942 import Bl0942, is_packet
from firmware.drivers.dimmer_1_10v import Dimmer
from firmware.drivers.ekmc1603111 import Ekmc1603111
from firmware.drivers.veml7700 import Veml7700
from tests.firmware.buses import FakePin, ScriptedI2C, ScriptedUart
from tests.portable import seeded_bytes


class FakePwm:
    duty = None

    def duty_u16(self, duty):
        self.duty = duty


def set_level(permille):
    pwm, relay = FakePwm(), FakePin()
    Dimmer(pwm, relay).set_level(permille)
    return pwm.duty, relay.level


def test_full_level_leaves_the_line_alone_and_the_normally_closed_contact_closed():
    assert set_level(1000) == (0, 0)


def test_level_sinks_the_control_line_in_proportion():
    assert set_level(500) == (32767, 0)
    assert set_level(100) == (58981, 0)


def test_level_zero_opens_the_contact():
    assert set_level(0) == (65535, 1)


def packet(current, voltage, watt, pulses, period):
    """A packet as the BL0942 datasheet V1.04 lays it out, with its checksum."""
    body = b"\x55"
    for register in (current, voltage, current, watt & 0xFFFFFF, pulses):
        body += bytes([register & 0xFF, register >> 8 & 0xFF, register >> 16])
    body += bytes([period & 0xFF, period >> 8, 0, 0, 0, 0])
    return body + bytes([0xFF ^ (0x58 + sum(body)) & 0xFF])


# 230 V, 0.25 A, 55 W, 50 Hz and 1000 pulses in the datasheet's circuit.
BL0942_230V_55W = packet(62803, 3653209, 34287, 1000, 20000)


def test_BL0942_datasheet_packet_gives_its_quantities():
    meter = Bl0942(ScriptedUart(None, BL0942_230V_55W))
    assert meter.read() is None
    reading = meter.read()
    assert abs(reading.voltage_mv - 230000) <= 1
    assert abs(reading.current_ma - 250) <= 1
    assert abs(reading.active_power_mw - 55000) <= 2
    assert reading.frequency_mhz == 50000
    assert abs(reading.power_factor_permille - 956) <= 4
    assert reading.energy_mwh == 186894


def test_BL0942_is_asked_for_all_registers_once_per_reading():
    uart = ScriptedUart(None, BL0942_230V_55W)
    meter = Bl0942(uart)
    meter.read()
    meter.read()
    assert uart.written == b"\x58\xaa\x58\xaa"


def test_BL0942_reversed_current_is_the_same_power():
    meter = Bl0942(ScriptedUart(None, packet(62803, 3653209, -34287, 0, 20000)))
    meter.read()
    assert abs(meter.read().active_power_mw - 55000) <= 2


def test_BL0942_energy_is_its_counter_that_wraps_after_3_megawatt_hours():
    meter = Bl0942(ScriptedUart(None, packet(0, 0, 0, (1 << 24) - 1, 20000)))
    meter.read()
    assert meter.energy_wrap_mwh == 3135566927
    assert meter.energy_wrap_mwh - meter.read().energy_mwh == 187


def test_BL0942_damaged_or_missing_answer_is_no_reading_and_counted():
    damaged = BL0942_230V_55W[:-1] + b"\x00"
    meter = Bl0942(ScriptedUart(None, damaged, BL0942_230V_55W[1:], None, BL0942_230V_55W))
    assert [meter.read() is None for _ in range(5)] == [True, True, True, True, False]
    assert meter.errors == 3


def test_BL0942_random_bytes_are_no_packet():
    for seed in range(500):
        assert not is_packet(seeded_bytes(seed, 23))


def test_VEML7700_is_configured_first_and_read_next():
    i2c = ScriptedI2C(
        ("r", 0x10, 0x00, b"\x01\x00"), ("w", 0x10, 0x00, b"\x00\x10"),
        ("r", 0x10, 0x00, b"\x00\x10"), ("r", 0x10, 0x04, b"\x41\x00"),
    )
    photocell = Veml7700(i2c)
    assert photocell.read_lux() is None
    # 65 counts x 0.5376 lx (application note 84323, gain 1/8, 100 ms).
    assert photocell.read_lux() == 35
    assert i2c.is_done


def test_VEML7700_that_lost_its_supply_is_configured_again():
    i2c = ScriptedI2C(
        ("r", 0x10, 0x00, b"\x00\x10"), ("r", 0x10, 0x04, b"\xff\xff"),
        ("r", 0x10, 0x00, b"\x01\x00"), ("w", 0x10, 0x00, b"\x00\x10"),
    )
    photocell = Veml7700(i2c)
    assert photocell.read_lux() == 35232
    assert photocell.read_lux() is None


def test_VEML7700_that_does_not_answer_is_none_and_counted():
    photocell = Veml7700(ScriptedI2C(("r", 0x10, 0x00, None)))
    assert photocell.read_lux() is None
    assert photocell.errors == 1


def test_motion_sensor_output_is_high_while_something_moves():
    assert Ekmc1603111(FakePin(1)).is_present() is True
    assert Ekmc1603111(FakePin(0)).is_present() is False
