"""The settings of the gateway's doors: what the city may command, and its HTTP port."""

import ipaddress
from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.command_rights import APPLICATION_PATHS, parse_pattern
from gateway.settings_table import SettingsError

Kinds = Annotated[
    tuple[Literal["dim", "resume", "write", "execute"], ...],
    Meta(description='a list of "dim", "resume", "write" and "execute"'),
]
Patterns = Annotated[
    tuple[Annotated[str, Meta(min_length=1, max_length=256)], ...],
    Meta(max_length=256, description="a list of up to 256 texts"),
]


HostAndPort = Annotated[
    str,
    Meta(
        pattern=r"^(([^\s:\[\]]+|\[[0-9A-Fa-f:.%\w]+\]):[0-9]{1,5})?$",
        description='"host:port", "[IPv6 address]:port", or nothing',
    ),
]
OptionalPath = Annotated[str, Meta(description="a path, relative to this file's folder")]
LOOPBACK = ("localhost", "[::1]")


class Http(Struct, frozen=True):
    """`[http]`: the port of the metrics and the management API, off where `listen` is ""."""

    listen: HostAndPort = ""
    tokens_file: OptionalPath = ""  # "": tokens in the data folder
    cert: OptionalPath = ""
    key: OptionalPath = ""
    insecure: bool = False

    @property
    def is_exposed(self) -> bool:
        """Return whether others than this machine reach it, and can overhear it."""
        return bool(self.listen) and not self.cert and not is_loopback(self.listen)


def is_loopback(listen: str) -> bool:
    """Return whether `listen`, "host:port", is reached from this machine alone."""
    host = listen.rpartition(":")[0]
    try:
        return host in LOOPBACK or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_http(http: Http) -> None:
    """Raise SettingsError for a port without what it needs."""
    if http.listen and int(http.listen.rpartition(":")[2]) > 65535:
        raise SettingsError.of("http.listen", http.listen, "allowed are ports 0 to 65535")
    if bool(http.cert) != bool(http.key):
        remark = "allowed are cert and key together, or neither"
        raise SettingsError.of("http.cert", http.cert, remark)
    if http.is_exposed and not http.insecure:
        remark = ("others than this machine reach it: allowed with cert and key (TLS), or with "
                  "insecure = true")
        raise SettingsError.of("http.listen", http.listen, remark)


class UplinkCommands(Struct, frozen=True):
    """`[uplink.NAME.commands]`: what the city may command by this uplink."""

    allow: Kinds = ("dim", "resume", "write", "execute")
    paths: Patterns = APPLICATION_PATHS
    nodes: Patterns = ("*",)


def check_commands(key: str, commands: UplinkCommands) -> None:
    """Raise SettingsError for a pattern that is none, or allows what no city may do."""
    for pattern in commands.paths:
        try:
            parse_pattern(pattern)
        except ValueError as error:
            raise SettingsError.of(f"{key}.paths", pattern, str(error)) from error
