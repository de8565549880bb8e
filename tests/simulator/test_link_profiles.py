"""Profiles of links: they are what their sources say."""

from dataclasses import replace

import pytest

from simulator.link import DOWN, UP, Link
from simulator.link_profiles import PROFILES

ROUNDS = 20_000
FRAME_ATTEMPTS = 7


def round_trips_ms(name):
    """Return sorted times of the radio hop there and back, without losses and sleep."""
    profile = replace(PROFILES[name], loss=0, clear_s=None, listen_ms=0, held_back=0, doubled=0)
    link = Link(profile, 1, "10.0.0.7")
    found = []
    for number in range(ROUNDS):
        now_us = number * 10_000_000
        there_us, = link.cross(30, UP, now_us)
        back_us, = link.cross(30, DOWN, there_us)
        found.append((back_us - now_us) / 1000)
    return sorted(found)


@pytest.mark.parametrize("name, quantile, time_ms", [
    ("good-wifi", 0.5, 20), ("street-cabinet", 0.9, 100)])
def test_round_trips_of_the_radio_hop_have_the_quantile_that_was_measured(name, quantile, time_ms):
    found_ms = round_trips_ms(name)[round(ROUNDS * quantile)]
    assert abs(found_ms - time_ms) < 0.06 * time_ms


def test_mean_round_trip_of_nb_iot_is_the_latency_that_was_measured():
    sums = round_trips_ms("nb-iot")
    # Two times 58 bytes at 20 kbit/s are on top.
    assert abs(sum(sums) / ROUNDS - 2 * 23.2 - 837) < 0.02 * 837


@pytest.mark.parametrize("name, frame_loss", [
    ("good-wifi", 0.3), ("street-cabinet", 0.5), ("marginal", 0.7)])
def test_loss_is_what_the_attempts_leave_of_a_frames(name, frame_loss):
    assert PROFILES[name].loss == pytest.approx(frame_loss ** FRAME_ATTEMPTS, rel=0.1)


def test_worse_links_lose_more():
    losses = [PROFILES[name].mean_loss()
              for name in ("perfect", "good-wifi", "street-cabinet", "marginal")]
    assert losses == sorted(losses) and losses[0] == 0 and 0.1 < losses[-1] < 0.2


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_every_profile_states_its_source_and_carries_what_a_node_sends(profile):
    assert len(profile.source) > 20
    # A block of 1024 bytes with the options of a protected message.
    assert profile.mtu_bytes >= 1280
