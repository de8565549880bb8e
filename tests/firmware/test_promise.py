"""Promise 3: light does not depend on us. Every combination of what a lamp may know or lack.

One night, all without a gateway: the street may be dark only where somebody who is there, or a
program, has said so, and never for longer than that.
"""

from protocol import cbor
from tests.firmware.board import Board, Street
from tests.firmware.lamp_bench import ANGERS, DEAD, Bench, Photocell, utc

DUSK = utc(2026, 12, 15, 18)
NOON = utc(2026, 12, 15, 11)
DARK_LUX, LIGHT_LUX = 2, 5000
# Programs: none; dimmed all day; one that refers to what is not there; one of a broken text.
DIMMED, MISSING, BROKEN, DAMAGED = range(1, 5)
PROGRAMS = {
    DIMMED: ({4: {0: "12:00"}, 5: {0: "40"}, 0: "", 1: {}}, 0),
    MISSING: ({4: {0: "12:00"}, 5: {0: "0"}, 0: "", 1: {}}, 3),
    BROKEN: ({4: {0: "12:00;13:00"}, 5: {0: "0"}, 0: "", 1: {}}, 0),
}


def lamp(supply="permanent", lux=None, place=ANGERS, program=None, override=None, cause="power"):
    """Return a bench that boots with this, its clock unknown."""
    store = Bench(place=place).store
    if program in PROGRAMS:
        function, target = PROGRAMS[program]
        scheduler = {0: "", 1: True, 2: 0, 3: {}, 4: target, 6: {0: "/3416/0"}, 7: {0: "1"},
                     9: False}
        store.write("3454", cbor.encode({0: {0: function}}))
        store.write("3452", cbor.encode({0: {0: scheduler}}))
    elif program == DAMAGED:
        store.write("3452", b"\x01")
        store.write("3454", cbor.encode({0: {0: {4: 5}}}))
    if override is not None:
        store.write("override", cbor.encode({0: override}))
    return Bench(store=store, supply=supply, lux=lux, place=place, cause=cause)


def expected(supply, clock, lux, place, program):
    """Return the level that the table of docs/lamp.md gives without a gateway."""
    is_known = clock is not None
    if program == DIMMED and is_known:
        return 40
    if supply == "switched":
        return 100
    if lux in (DARK_LUX, LIGHT_LUX):
        return 100 if lux == DARK_LUX else 0
    if is_known and place:
        return 100 if clock == DUSK else 0
    return 100


def test_every_combination_of_what_a_lamp_knows_gives_the_light_of_the_table():
    for supply in ("permanent", "switched"):
        for clock in (None, DUSK, NOON):
            for lux in (None, DEAD, DARK_LUX, LIGHT_LUX):
                for place in (ANGERS, {}):
                    for program in (None, DIMMED, MISSING, BROKEN, DAMAGED):
                        bench = lamp(supply, lux, place, program)
                        if clock is not None:
                            bench.set_clock(clock)
                        bench.run(200)
                        case = (supply, clock, lux, place, program)
                        assert bench.level() == expected(*case), case


def test_no_reset_at_any_moment_of_an_override_makes_it_longer():
    for cause in ("power", "watchdog", "software"):
        for moment_s in (0, 1, 10, 899, 901, 3600, 7190):
            for clock in (None, DUSK):
                bench = Bench(place={})
                if clock is not None:
                    bench.set_clock(clock)
                bench.write(3416, {1: 0})
                bench.run(moment_s)
                # Nobody is there to tell the time after the reset.
                again = bench.reset(cause, place={})
                again.run(7200 - moment_s + 5)
                assert again.level() == 100, (cause, moment_s, clock)


def test_resets_without_end_keep_no_override_longer_than_a_day():
    for between_s in (0, 1, 59, 600):
        bench = Bench(place={})
        bench.write(3416, {1: 0})
        for _ in range(13):
            bench = bench.reset("watchdog", place={})
            bench.run(between_s)
        assert bench.level() == 100, between_s


def test_a_reset_under_a_lock_burns_at_full():
    board = Board()
    board.photocell = Photocell(LIGHT_LUX)
    street = Street(board)
    street.advance(60000)
    assert board.dimmer.permille == 0
    street.write("3410/0/7", "1")
    again = Board(store=board.store)
    again.photocell = board.photocell
    Street(again).advance(60000)
    assert again.dimmer.permille == 1000


def test_a_lock_set_by_day_leaves_no_second_night_dark():
    bench = Bench(lux=LIGHT_LUX)
    bench.run(40)
    bench.lamp.is_locked = True
    bench.run(60)
    bench.board.photocell.lux = DARK_LUX
    bench.run(12 * 3600)
    assert bench.level() == 100


def test_a_photocell_that_fails_at_night_leaves_the_lamp_lit():
    for place in (ANGERS, {}):
        bench = Bench(lux=LIGHT_LUX, place=place)
        bench.set_clock(DUSK)
        bench.run(100)
        assert bench.level() == 0
        bench.board.photocell.lux = None
        bench.run(100)
        assert bench.level() == 100


def test_a_clock_that_steps_decides_by_its_new_time_within_seconds():
    for step_s in (-400 * 86400, -3600, 3600, 12 * 3600, 20 * 365 * 86400):
        bench = Bench(place=ANGERS)
        bench.program("12:00;17:00;23:00", "0;80;40")
        bench.set_clock(DUSK)
        bench.run(20)
        assert bench.level() == 80
        again = Bench(place=ANGERS)
        again.program("12:00;17:00;23:00", "0;80;40")
        bench.set_clock(DUSK + step_s)
        again.set_clock(DUSK + step_s)
        bench.run(5)
        again.run(5)
        assert bench.level() == again.level(), step_s


def test_a_lamp_that_has_run_for_years_decides_as_on_its_first_day():
    for years in (1, 40, 300):
        bench = Bench(place=ANGERS)
        bench.clock.now_ms += years * 365 * 86400000
        bench.set_clock(DUSK)
        bench.run(20)
        assert bench.level() == 100
        bench.write(3416, {1: 30})
        bench.run(20)
        assert bench.level() == 30
        bench.run(7200)
        assert bench.level() == 100


def test_after_2038_the_sun_and_the_programs_are_where_they_belong():
    bench = Bench(place=ANGERS)
    bench.program("S;R", "70;0")
    bench.set_clock(utc(2038, 1, 19, 3, 14))
    bench.run(10)
    assert bench.level() == 70
    bench.run_until(utc(2038, 1, 19, 12))
    assert bench.level() == 0
    bench.run_until(utc(2038, 1, 19, 18))
    assert bench.level() == 70
