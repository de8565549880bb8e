"""What of the settings only this machine can judge: its groups, folders and files."""

import errno
import grp
import os
from pathlib import Path

from gateway import http_files, private_file
from gateway.private_file import NotPrivate
from gateway.settings import MqttUplink, Settings, SettingsError

# sockaddr_un has room for 108 bytes, with the zero at the end (unix(7)).
SOCKET_PATH_BYTES_MAX = 107
CREDENTIALS = "/run/credentials/"
# The machine is in trouble, not the settings: to start again later may help.
_PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM)


def check(settings: Settings) -> None:
    """Raise SettingsError for what this machine cannot run with. Makes nothing."""
    _check_group(settings.management.group)
    _check_socket(settings.management.socket)
    if settings.http.listen:
        check_folder("http.tokens_file", settings.http.tokens_file)
        for key in ("cert", "key"):
            _check_file(f"http.{key}", getattr(settings.http, key))
        # What systemd hands over, check-config need not be able to read.
        if not any(_is_elsewhere(path) for path in (settings.http.cert, settings.http.key)):
            http_files.check(settings.http)
    data = settings.gateway.data
    if os.path.exists(data) and not os.path.isdir(data):
        raise SettingsError.of("gateway.data", data, "is no folder")
    _check_key_file(settings.keys.key_file)
    for name, uplink in settings.uplink.items():
        if isinstance(uplink, MqttUplink):
            _check_file(f"uplink.{name}.password_file", uplink.password_file)
            for key in ("ca", "cert", "key"):
                _check_file(f"uplink.{name}.tls.{key}", getattr(uplink.tls, key))


def is_passing(error: OSError) -> bool:
    """Return whether an error may be over at the next start, with the same settings."""
    return error.errno in _PASSING


def _check_group(group: str) -> None:
    try:
        if group:
            grp.getgrnam(group)
    except KeyError:
        remark = "allowed is a group of this machine, or nothing"
        raise SettingsError.of("management.group", group, remark) from None


def _check_key_file(path: str) -> None:
    # One that is not there is made, or comes from systemd.
    try:
        private_file.check(path)
    except NotPrivate as error:
        raise SettingsError(f"keys.key_file: {error}") from error
    except OSError:
        return


def _check_socket(path: str) -> None:
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES_MAX:
        remark = f"allowed are paths of at most {SOCKET_PATH_BYTES_MAX} bytes"
        raise SettingsError(f"management.socket = {path}: {remark}")
    check_folder("management.socket", path)


def check_folder(key: str, path: str) -> None:
    """Raise SettingsError where anybody may put something else in the place of `path`."""
    try:
        folder = private_file.open_folder(path)
    except OSError:
        # It is not there yet, or will be an error of its own.
        return
    if folder is not None:
        remark = f"anybody may write to {folder}; do 'chmod o-w {folder}', or choose another"
        raise SettingsError(f"{key} = {path}: {remark}")


def _check_file(key: str, path: str) -> None:
    if not path or _is_elsewhere(path):
        return
    try:
        with Path(path).open("rb"):
            pass
    except OSError as error:
        remark = f"cannot be read: {error.strerror or error}"
        raise SettingsError(f"{key} = {path}: {remark}") from error


def _is_elsewhere(path: str) -> bool:
    # What systemd hands to the service is there for the service alone.
    return path.startswith(CREDENTIALS) and "CREDENTIALS_DIRECTORY" not in os.environ
