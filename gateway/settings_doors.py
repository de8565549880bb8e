"""The settings of the gateway's doors: what the city may command, and its HTTP port."""

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
