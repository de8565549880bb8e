"""Manual overrides: resources 1 and 50 to 54 of 3416, and that each one ends."""

from firmware.clock import SERVER
from firmware.lwm2m_object import Refused
from protocol import cbor
from protocol.coap_message import BAD_REQUEST, METHOD_NOT_ALLOWED
from protocol.number import Decimal
from tests.firmware.lamp_bench import Bench, utc
from tests.portable import raises

NOWHERE = {}
NIGHT = utc(2026, 6, 15, 23)


def at_night(**changes):
    bench = Bench(**changes)
    bench.set_clock(NIGHT - 10)
    return bench


def test_command_without_an_end_lasts_the_default_duration():
    bench = at_night()
    bench.write(3416, {1: 30})
    assert bench.read(3416, 51) == NIGHT + 7200
    bench.run(7195)
    assert (bench.level(), bench.read(3416, 54)) == (30, True)
    bench.run(10)
    assert (bench.level(), bench.read(3416, 54)) == (100, False)


def test_timed_override_is_one_write_of_end_fade_and_command():
    bench = at_night()
    bench.write(3416, {51: NIGHT + 600, 52: Decimal(5, 0), 1: 20})
    bench.run(4)
    assert 20 < bench.level() < 100
    bench.run(2)
    assert bench.level() == 20
    bench.run_until(NIGHT + 599)
    assert bench.level() == 20
    bench.run_until(NIGHT + 610)
    assert bench.level() == 100


def test_end_written_before_the_command_counts_for_it():
    bench = at_night()
    bench.write(3416, {51: NIGHT + 600})
    assert bench.read(3416, 51) == NIGHT + 600
    assert bench.read(3416, 54) is False
    bench.write(3416, {1: 20})
    bench.run_until(NIGHT + 610)
    assert bench.level() == 100


def test_end_written_after_the_command_moves_it():
    bench = at_night()
    bench.write(3416, {1: 20})
    bench.write(3416, {51: NIGHT + 600})
    assert bench.read(3416, 51) == NIGHT + 600
    bench.run_until(NIGHT + 610)
    assert bench.level() == 100


def test_end_meant_for_an_earlier_evening_does_not_count():
    bench = at_night()
    bench.write(3416, {51: NIGHT + 60})
    bench.run(120)
    bench.write(3416, {1: 20})
    assert bench.read(3416, 51) == NIGHT + 120 + 7200


def test_next_command_does_not_inherit_the_end_of_the_last():
    bench = at_night()
    bench.write(3416, {51: NIGHT + 600, 1: 20})
    bench.run(60)
    bench.write(3416, {1: 40})
    assert bench.read(3416, 51) == NIGHT + 60 + 7200


def test_zero_end_clears_the_override():
    bench = at_night()
    bench.write(3416, {1: 20})
    bench.run(10)
    bench.write(3416, {51: 0})
    bench.run(10)
    assert (bench.level(), bench.read(3416, 54), bench.read(3416, 51)) == (100, False, 0)
    assert cbor.decode(bench.store.read("override")) == {}


def test_override_waits_for_its_start():
    bench = at_night()
    bench.write(3416, {50: NIGHT + 300, 51: NIGHT + 600, 1: 20})
    bench.run_until(NIGHT + 295)
    assert (bench.level(), bench.read(3416, 54)) == (100, False)
    bench.run_until(NIGHT + 310)
    assert (bench.level(), bench.read(3416, 54)) == (20, True)
    bench.run_until(NIGHT + 610)
    assert bench.level() == 100


def test_default_duration_counts_from_the_start():
    bench = at_night()
    bench.write(3416, {53: 600})
    bench.write(3416, {50: NIGHT + 300, 1: 20})
    assert bench.read(3416, 51) == NIGHT + 900


def test_override_in_the_past_does_nothing():
    bench = at_night()
    bench.write(3416, {51: NIGHT - 60, 1: 20})
    bench.run(10)
    assert bench.level() == 100


def test_no_override_lasts_longer_than_a_month():
    bench = at_night()
    bench.write(3416, {51: NIGHT + 1000 * 86400, 1: 20})
    assert bench.read(3416, 51) == NIGHT + 31 * 86400


def test_override_without_a_clock_ends_by_uptime():
    bench = Bench(place=NOWHERE)
    bench.write(3416, {1: 20})
    bench.run(7195)
    assert bench.level() == 20
    bench.run(10)
    assert bench.level() == 100
    assert cbor.decode(bench.store.read("override")) == {}


def test_end_that_no_clock_can_judge_holds_once_the_clock_is_known():
    bench = Bench(place=NOWHERE)
    bench.write(3416, {51: NIGHT + 600, 1: 20})
    bench.run(60)
    bench.set_clock(NIGHT)
    bench.run_until(NIGHT + 590)
    assert bench.level() == 20
    bench.run_until(NIGHT + 610)
    assert bench.level() == 100


def test_override_given_by_uptime_gets_its_end_when_the_clock_is_set():
    bench = Bench(place=NOWHERE)
    bench.write(3416, {1: 20})
    bench.run(1000)
    bench.set_clock(NIGHT)
    assert bench.read(3416, 51) == NIGHT + 6200


def test_override_survives_a_reset_with_its_end():
    bench = at_night()
    bench.write(3416, {51: NIGHT + 3600, 1: 20})
    bench.run(60)
    again = bench.reset()
    again.set_clock(NIGHT + 120)
    assert again.level() == 20
    again.run_until(NIGHT + 3610)
    assert again.level() == 100


def test_override_that_ended_while_the_node_was_down_is_over():
    bench = at_night()
    bench.write(3416, {51: NIGHT + 600, 1: 20})
    again = bench.reset()
    again.set_clock(NIGHT + 900)
    assert again.level() == 100
    assert cbor.decode(again.store.read("override")) == {}


def test_override_goes_on_by_remaining_uptime_while_the_clock_is_unknown():
    bench = at_night()
    bench.write(3416, {1: 20})
    again = bench.reset(place=NOWHERE)
    again.run(10)
    assert again.level() == 20
    again.run(7200 - 900)
    assert again.level() == 100


def test_uptime_spent_under_an_override_is_not_given_again_after_a_reset():
    bench = Bench(place=NOWHERE)
    bench.write(3416, {1: 20})
    bench.run(4600)
    again = bench.reset(place=NOWHERE)
    again.run(7200 - 4600 - 900 - 10)
    assert again.level() == 20
    again.run(80)
    assert again.level() == 100


def test_boot_loop_does_not_keep_an_override_for_ever():
    bench = at_night()
    bench.write(3416, {1: 20})
    for _ in range(12):
        bench = bench.reset(place=NOWHERE)
        bench.run(5)
    assert bench.level() == 100


def test_override_of_last_night_is_not_applied_at_dusk_on_a_switched_circuit():
    bench = at_night(supply="switched")
    bench.write(3416, {51: NIGHT + 20 * 3600, 1: 20})
    again = bench.reset("power", supply="switched")
    again.run(60)
    assert again.level() == 100
    again.set_clock(NIGHT + 19 * 3600)
    assert again.level() == 20


def test_damaged_override_is_none():
    for data in (b"\xff", b"", cbor.encode([1, 2]), cbor.encode({})):
        bench = Bench(place=NOWHERE)
        bench.store.write("override", data)
        again = bench.reset(place=NOWHERE)
        again.run(10)
        assert again.level() == 100


def test_negative_fade_and_not_a_number_are_ignored():
    bench = at_night(fade_ms=1000)
    bench.write(3416, {52: -1, 1: 20})
    bench.write(3416, {52: float("nan")})
    assert bench.read(3416, 52) == Decimal(1, 0)
    bench.run(5)
    assert bench.level() == 20


def test_command_reads_as_the_last_one_while_it_lasts():
    bench = at_night(default_level=70)
    assert bench.read(3416, 1) == 70
    bench.write(3416, {1: 5})
    bench.run(5)
    assert (bench.read(3416, 1), bench.read(3416, 2)) == (5, 10)


def test_locked_lamp_refuses_commands_and_takes_configuration():
    bench = at_night()
    bench.lamp.is_locked = True
    lamp = bench.objects[3416]
    for resource_id in (1, 50, 51):
        assert raises(Refused, lamp.check, 0, resource_id, 20).code == METHOD_NOT_ALLOWED
    lamp.check(0, 4, 20)


def test_default_duration_of_zero_would_never_end_and_is_refused():
    lamp = at_night().objects[3416]
    assert raises(Refused, lamp.check, 0, 53, 0).code == BAD_REQUEST


def test_override_without_an_end_lasts_its_time_whatever_becomes_of_the_clock():
    for step_s in (-400 * 86400, -3600, 3600, 400 * 86400):
        bench = at_night()
        bench.write(3416, {1: 0})
        bench.run(3000)
        bench.clock.set_unix_s(bench.clock.unix_s() + step_s, SERVER)
        bench.run(4190)
        assert bench.read(3416, 54) is True, step_s
        bench.run(30)
        assert bench.read(3416, 54) is False, step_s


def test_override_with_an_end_follows_the_clock_for_a_month_at_most():
    bench = at_night()
    bench.write(3416, {1: 0, 51: NIGHT + 7200})
    bench.set_clock(NIGHT - 3600)
    bench.run_until(NIGHT + 7190)
    assert bench.level() == 0
    bench.set_clock(NIGHT - 400 * 86400)
    assert bench.read(3416, 51) <= bench.clock.unix_s() + 31 * 86400


def test_reset_after_a_corrected_clock_does_not_prolong_an_override():
    bench = Bench()
    bench.set_clock(NIGHT + 365 * 86400)
    bench.write(3416, {1: 0})
    bench.set_clock(NIGHT)
    again = bench.reset()
    again.set_clock(NIGHT + 60)
    again.run(7200)
    assert again.read(3416, 54) is False
