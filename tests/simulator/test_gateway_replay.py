"""One seed replays a street with its gateway, byte for byte, in any process."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def begun(seed, hash_seed):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.simulator.gateway_replay", str(seed)], cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_fresh_processes_see_the_same_datagrams_and_synced_bytes():
    running = [begun(1, "0"), begun(1, "1"), begun(1, "random"), begun(2, "0")]
    outputs = [each.communicate() for each in running]
    assert [each.returncode for each in running] == [0] * 4, outputs
    assert not any(errors for _, errors in outputs), outputs
    first, *others, of_another_seed = [printed for printed, _ in outputs]
    assert others == [first] * 2
    assert of_another_seed != first
