"""Certificates of an authority of the test's own, made with cryptography."""

import ipaddress
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def authority(folder, name="ca"):
    """Make an authority: `name`.pem in `folder`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _named("City CA")
    made = _builder(subject, subject, key, 2).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate = made.sign(key, hashes.SHA256())
    (folder / f"{name}.pem").write_bytes(_pem(certificate))
    return SimpleNamespace(key=key, certificate=certificate)


def certificate(folder, ca, name, hosts=(), days=2):
    """Make `name`.pem and `name`.key: for `hosts`, or of a client; it ends `days` from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = _builder(_named(name), ca.certificate.subject, key, days)
    if hosts:
        names = [x509.IPAddress(ipaddress.ip_address(host)) for host in hosts]
        made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
    (folder / f"{name}.pem").write_bytes(_pem(made.sign(ca.key, hashes.SHA256())))
    path = folder / f"{name}.key"
    path.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))


def _builder(subject, issuer, key, days):
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - timedelta(days=9)).not_valid_after(
        now + timedelta(days=days))


def _named(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)
