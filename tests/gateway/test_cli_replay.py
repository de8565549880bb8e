"""`faubourg buffer replay` against a whole gateway."""

import json

import pytest

from tests.gateway.test_cli_buffer import DEAD_UPLINK, LAMP, answer, called


def test_replay_is_a_job_that_waits_for_its_uplink_over_restarts_until_cancelled(tmp_path):
    options = ("--uplink", "city", "--node", "0101", "--from", "2025-11-01", "--ids", "2-9")
    job = answer(tmp_path, "replay", *options, text=DEAD_UPLINK)
    assert (job["node"], job["uplink"], job["state"]) == (LAMP, "city", "under way")
    assert (job["first_id"], job["last_id"], job["position"], job["resent"]) == (2, 9, 1, 0)
    (seen,) = answer(tmp_path, "status", text=DEAD_UPLINK)["replays"]
    assert seen == job
    text = called(tmp_path, "status", text=DEAD_UPLINK).stdout
    assert "waits" in text and "from 01 Nov 2025" in text
    cancelled = answer(tmp_path, "replay", "--cancel", "1", text=DEAD_UPLINK)
    assert cancelled["state"] == "cancelled" and cancelled["finished_ms"]


def test_replay_to_the_file_is_done_soon_and_cannot_be_cancelled_then(tmp_path):
    called(tmp_path, "status")
    called(tmp_path, "replay", "--uplink", "file")
    while answer(tmp_path, "status")["replays"][0]["state"] == "under way":
        pass
    again = called(tmp_path, "replay", "--cancel", "1")
    assert again.exit_code == 1 and "done before" in again.stderr
    rows = [json.loads(line)[0]["rows"] for line in next(tmp_path.rglob("readings.jsonl")).open()]
    assert sum("replay-1" in each for each in rows) > 0


@pytest.mark.parametrize(("options", "code", "words"), [
    ((), 2, "--uplink NAME"),
    (("--uplink", "file", "--cancel", "1"), 2, "--uplink NAME"),
    (("--uplink", "nothing"), 1, "allowed are file"),
    (("--uplink", "file", "--node", "nobody"), 1, "nobody"),
    (("--uplink", "file", "--ids", "x"), 2, "17-24"),
    (("--cancel", "7"), 1, "no replay 7"),
])
def test_wrong_use_is_told_with_what_is_allowed(tmp_path, options, code, words):
    outcome = called(tmp_path, "replay", *options)
    assert outcome.exit_code == code and words in outcome.stderr, outcome.stderr
