"""What the settings allow that somebody should know: said by check-config and by status."""

import os
import stat

from gateway.private_file import OTHERS
from gateway.settings import MqttUplink, Settings
from gateway.settings_doors import is_loopback


def warnings(settings: Settings) -> tuple[str, ...]:
    """Return a sentence for each thing that is not protected."""
    found = []
    if settings.gateway.security == "none":
        found.append("gateway.security = none: nothing between nodes and gateway is protected")
    http = settings.http
    if http.is_exposed:
        found.append(f"http.listen = {http.listen}: without TLS, tokens and answers can be "
                     "overheard")
    for name, uplink in settings.uplink.items():
        if isinstance(uplink, MqttUplink):
            found += _of_uplink(f"uplink.{name}", uplink)
    return tuple(found)


def _of_uplink(key: str, uplink: MqttUplink) -> list[str]:
    found = []
    if not uplink.is_encrypted and not is_loopback(f"{uplink.host}:{uplink.port}"):
        found.append(f"{key}.url = {uplink.url}: without TLS, the broker is not known for "
                     "certain, and readings, commands and the password can be overheard")
    for name, path in (("password_file", uplink.password_file), ("tls.key", uplink.tls.key)):
        if path and _is_open(path):
            found.append(f"{key}.{name} = {path}: others than its owner can read it")
    return found


def _is_open(path: str) -> bool:
    try:
        return bool(stat.S_IMODE(os.stat(path).st_mode) & OTHERS & ~stat.S_IRGRP)
    except OSError:
        return False
