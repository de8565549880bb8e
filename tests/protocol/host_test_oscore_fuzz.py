"""Mutated protected messages, on each interpreter: a share here, 200,000 in `make prove`."""

import pytest

from tests.full_size import is_full_size
from tests.micropython.process import INTERPRETERS, MicroPythonWorker
from tests.protocol.oscore_fuzz import fuzz

MUTATIONS = 200_000 if is_full_size() else 20_000
BATCH = 4_000


@pytest.mark.parametrize("interpreter", ["cpython", *INTERPRETERS])
def test_no_mutated_message_is_accepted_or_trips_us(interpreter):
    worker = None if interpreter == "cpython" else MicroPythonWorker(interpreter)
    refused = accepted = 0
    try:
        for start in range(0, MUTATIONS, BATCH):
            if worker:
                counts = worker.call("tests.protocol.oscore_fuzz", "fuzz", start, BATCH)
            else:
                counts = fuzz(start, BATCH)
            refused += counts[0]
            accepted += counts[1]
    finally:
        if worker:
            worker.close()
    # Most damage counts: what is not protected is a small part of each datagram.
    assert refused > 5 * accepted > 0
    assert refused + accepted == MUTATIONS
