from firmware.clock import RTC, SERVER, SNTP, SOURCE_VALID_MS, Clock

NOW_S = 1795000000


def clock_at(now_ms):
    clock = Clock("CET-1CEST,M3.5.0,M10.5.0/3")
    clock.now_ms = now_ms
    return clock


def test_the_time_of_day_is_unknown_until_it_is_set():
    clock = clock_at(5000)
    assert clock.unix_s() is None
    assert clock.to_unix_s(1000) is None
    assert clock.to_uptime_ms(NOW_S) is None


def test_uptimes_of_before_the_setting_are_dated():
    clock = clock_at(60000)
    assert clock.set_unix_s(NOW_S, SERVER)
    assert clock.to_unix_s(10000) == NOW_S - 50
    clock.now_ms = 61999
    assert clock.unix_s() == NOW_S + 1


def test_an_uptime_is_found_for_a_time_of_day():
    clock = clock_at(60000)
    clock.set_unix_s(NOW_S, SERVER)
    assert clock.to_uptime_ms(NOW_S + 5) == 65000


def test_a_time_before_2020_leaves_the_clock_as_it_was():
    clock = clock_at(0)
    assert not clock.set_unix_s(1577836799, SERVER)
    assert clock.source is None
    assert clock.set_unix_s(1577836800, SERVER)


def test_a_lesser_source_does_not_override_a_better_one():
    clock = clock_at(0)
    clock.set_unix_s(NOW_S, SERVER)
    assert not clock.set_unix_s(NOW_S + 100, SNTP)
    assert clock.unix_s() == NOW_S


def test_a_better_source_overrides_a_lesser_one():
    clock = clock_at(0)
    clock.set_unix_s(NOW_S, RTC)
    assert clock.set_unix_s(NOW_S + 100, SNTP)
    assert clock.set_unix_s(NOW_S + 200, SERVER)
    assert clock.unix_s() == NOW_S + 200


def test_a_better_source_that_is_silent_for_a_day_yields():
    clock = clock_at(0)
    clock.set_unix_s(NOW_S, SERVER)
    clock.now_ms = SOURCE_VALID_MS
    assert clock.set_unix_s(NOW_S + 100, SNTP)


def test_local_time_follows_the_rule():
    local = clock_at(0).local(1774746000)
    assert (local.day, local.second_of_day) == (29, 10800)
