"""No nonce is used twice, whatever power cut comes when."""

from tests.firmware.nonce_survey import Life, survey


def test_an_undisturbed_life_has_a_rotation_a_renewal_and_no_nonce_twice():
    life = Life()
    assert life.run() > 100
    assert life.complaint() is None
    assert life.street.node.keys.current.context.id_context is not None
    assert len(life.uses) > 80


def test_no_nonce_is_used_twice_after_a_cut_or_a_failure_of_the_store():
    # Every seventh operation here; host_test_nonces has them all.
    lives, complaints = survey(3, 21)
    assert complaints == [] and lives > 20
