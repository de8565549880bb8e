"""What every test of the gateway leaves behind as it found it."""

import pytest

from tests.gateway import service_street


@pytest.fixture(autouse=True)
def keys_of_clients_end_with_their_test():
    """Forget the keys of the clients that the test made."""
    yield
    service_street.forget_keys()
