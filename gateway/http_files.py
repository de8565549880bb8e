"""The files of the HTTP port: its certificate and key, and its tokens."""

import ssl

from gateway.settings_doors import Http
from gateway.settings_table import SettingsError
from gateway.tokens import Tokens, TokensError


def check(settings: Http) -> None:
    """Raise SettingsError for certificate, key or tokens that cannot be used."""
    if settings.cert:
        tls(settings)
    try:
        Tokens(settings.tokens_file).all()
    except TokensError as error:
        raise SettingsError(f"http.tokens_file = {settings.tokens_file}: {error}") from error


def tls(settings: Http) -> ssl.SSLContext:
    """Return what the port speaks TLS with; raises SettingsError for files that do not serve."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Nobody is there to be asked for a passphrase.
        context.load_cert_chain(settings.cert, settings.key, password=lambda: "")
    except (OSError, ValueError) as error:
        remark = f"cannot be used with http.key: {error}"
        raise SettingsError.of("http.cert", settings.cert, remark) from error
    return context
