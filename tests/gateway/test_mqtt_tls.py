"""The MQTT uplink over TLS with a password, against mosquitto and certificates of its own."""

import asyncio
import hashlib
from base64 import b64encode

import pytest

from gateway.settings import Tls
from tests.gateway.certificates import authority, certificate
from tests.gateway.city_process import CityProcess
from tests.gateway.mosquitto import Broker
from tests.gateway.mqtt_uplink import uplinked


def certificates(folder, name="127.0.0.1", days=2):
    """Make an authority and the certificate of a broker at `name`, which ends `days` from now."""
    folder.mkdir()
    ca = authority(folder)
    certificate(folder, ca, "broker", [name], days)
    certificate(folder, ca, "gateway")
    (folder / "broker.key").chmod(0o644)
    return folder


def hashed(password):
    """Return a password as mosquitto_passwd writes it: PBKDF2 with SHA-512, 101 rounds."""
    salt = bytes(12)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101)
    return f"$7$101${b64encode(salt).decode()}${b64encode(key).decode()}"


class SecureBroker(Broker):
    """Mosquitto with TLS and one user, "gateway" with the password "sesame"."""

    def __init__(self, folder, made, *lines):
        passwords = folder.parent / "passwords"
        passwords.write_text(f"gateway:{hashed('sesame')}\n")
        passwords.chmod(0o700)
        super().__init__(
            folder, f"certfile {made / 'broker.pem'}", f"keyfile {made / 'broker.key'}",
            f"password_file {passwords}", *lines,
        )  # fmt: skip
        file = folder / "mosquitto.conf"
        file.write_text(file.read_text().replace("anonymous true", "anonymous false"))

    @property
    def url(self):
        return f"mqtts://127.0.0.1:{self.port}"


async def state_of(folder, broker, made, password="sesame\n", **files):
    """Return how the uplink does once it has connected, or failed to."""
    secret = folder / "secret"
    secret.write_text(password)
    settings = {"username": "gateway", "password_file": str(secret)}
    tls = Tls(ca=str(made / "ca.pem"), **files)
    async with uplinked(folder, broker, tls=tls, **settings) as system:
        passing = ("closed", "connecting", "subscribing")
        await system.until(lambda: system.uplink.state not in passing)
        return system.uplink.state


@pytest.fixture
def made(tmp_path):
    return certificates(tmp_path / "made")


def test_uplink_connects_with_tls_and_the_password_of_its_file(tmp_path, made):
    with SecureBroker(tmp_path / "broker", made) as broker:
        assert asyncio.run(state_of(tmp_path, broker, made)) == "connected"


def test_consumer_connects_with_tls_and_the_password_of_its_file(tmp_path, made):
    secret = tmp_path / "password"
    secret.write_text("sesame\n")
    options = ("--ca", made / "ca.pem", "--username", "gateway", "--password-file", secret)
    with SecureBroker(tmp_path / "broker", made) as broker:
        with CityProcess(tmp_path, broker.url, *options) as consumer:
            assert consumer.stop()["connections"] == 1


def test_wrong_password_is_refused_by_the_broker(tmp_path, made):
    with SecureBroker(tmp_path / "broker", made) as broker:
        state = asyncio.run(state_of(tmp_path, broker, made, "wrong"))
    assert "refused" in state and "wrong" not in state


def test_broker_of_another_authority_gets_no_password(tmp_path, made):
    other = certificates(tmp_path / "other")
    with SecureBroker(tmp_path / "broker", made) as broker:
        state = asyncio.run(state_of(tmp_path, broker, other))
    assert "CERTIFICATE_VERIFY_FAILED" in state


def test_certificate_of_another_host_is_not_enough(tmp_path):
    made = certificates(tmp_path / "made", "192.0.2.1")
    with SecureBroker(tmp_path / "broker", made) as broker:
        state = asyncio.run(state_of(tmp_path, broker, made))
    assert "CERTIFICATE_VERIFY_FAILED" in state


def test_certificate_that_has_expired_is_not_enough(tmp_path):
    made = certificates(tmp_path / "made", days=-1)
    with SecureBroker(tmp_path / "broker", made) as broker:
        state = asyncio.run(state_of(tmp_path, broker, made))
    assert "CERTIFICATE_VERIFY_FAILED" in state and "expired" in state


def demanding(folder, made):
    """Return a broker that asks for the client's certificate."""
    return SecureBroker(folder, made, f"cafile {made / 'ca.pem'}", "require_certificate true")


def test_broker_that_asks_for_a_certificate_gets_the_gateways(tmp_path, made):
    files = {"cert": str(made / "gateway.pem"), "key": str(made / "gateway.key")}
    with demanding(tmp_path / "broker", made) as broker:
        assert asyncio.run(state_of(tmp_path, broker, made, **files)) == "connected"


def test_broker_that_asks_for_a_certificate_takes_none_of_another_authority(tmp_path, made):
    other = certificates(tmp_path / "other")
    files = {"cert": str(other / "gateway.pem"), "key": str(other / "gateway.key")}
    with demanding(tmp_path / "broker", made) as broker:
        assert asyncio.run(state_of(tmp_path, broker, made, **files)) != "connected"
        assert asyncio.run(state_of(tmp_path, broker, made)) != "connected"
