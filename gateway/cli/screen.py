"""What the commands print: JSON for scripts, tables for people."""

import json
import time
from collections.abc import Sequence
from typing import Any

import click

# Until the year 9999.
UNIX_S_MAX = 253_402_300_799

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> None:
    """Draw a table as wide as the terminal; its first column is never folded."""
    # rich is imported here, where it is needed: it would slow every other command down.
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=index == 0)
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    Console().print(table)


def short_endpoint(endpoint: str) -> str:
    """Return what of an endpoint name a table shows: any unique ending names a node."""
    return endpoint.removeprefix("urn:dev:mac:")


def local_time(unix_s: float) -> str:
    """Return a time of day at this machine's place, with its year only if it is not this one."""
    taken, now = time.localtime(unix_s), time.localtime()
    year = "" if taken.tm_year == now.tm_year else "%Y "
    return time.strftime(f"%d %b {year}%H:%M:%S", taken)


def value_text(value: dict[str, Any]) -> str:
    """Return one value of an answer as 'text unit', percent without a slash; '—' for none.

    Without a "path" a time is the number that it is.
    """
    if value["value"] is None:
        return "—"
    if "path" in value and _is_time(value):
        return local_time(value["value"])
    unit = {"/100": "%", "Cel": "°C"}.get(value["unit"], value["unit"])
    shown = value["value"]
    if isinstance(shown, bool):
        return _WORDS.get(value["name"], ("false", "true"))[shown]
    return f"{shown} {unit}".rstrip()


def _is_time(value: dict[str, Any]) -> bool:
    # Imported where it is needed: a list of nodes does without.
    from gateway.resource_types import type_of
    from protocol import data_types, lwm2m_path

    # 0 is no moment of a street's life: the resource is not set.
    is_moment = type(value["value"]) is int and 0 < value["value"] <= UNIX_S_MAX
    return is_moment and type_of(lwm2m_path.parse(value["path"])) == data_types.TIME


# What false and true mean where the words say more.
_WORDS = {"occupancy": ("free", "occupied")}


def print_values(answer: dict[str, Any]) -> None:
    """Draw the values of a read or a notification: path, name, value with its unit."""
    print_table(("path", "name", "value"),
                [(v["path"], v["name"], value_text(v)) for v in answer["values"]])
