"""Every operation of a node's store, cut off and failing, on CPython."""

import pytest

from tests import full_size
from tests.firmware import nonce_survey

STRIDE = 5
SHARES = 2


@pytest.mark.parametrize("share", range(SHARES))
def test_no_nonce_is_used_twice_whatever_power_cut_comes_when(share):
    stride = SHARES if full_size.is_full_size() else STRIDE * SHARES
    first = share if full_size.is_full_size() else share * STRIDE
    lives, complaints = nonce_survey.survey(first, stride)
    assert complaints == []
    assert lives >= 4 * (100 // stride)
