"""What waits for whom: the gateway's durable command queue."""

import time

import click

from gateway.cli.connection import api_client
from gateway.cli.duration import duration_text
from gateway.cli.screen import json_option, print_json, print_table, short_endpoint


@click.group()
def commands() -> None:
    """List or cancel the commands that the gateway keeps for its nodes.

    \b
    faubourg commands list
    faubourg commands cancel 5f0c9a1b2c3d4e5f
    """


@commands.command("list")
@click.option("--all", "with_ended", is_flag=True, help="Also those that have their result.")
@json_option
def list_commands(with_ended: bool, as_json: bool) -> None:
    """List the commands that wait, oldest first.

    \b
    faubourg commands list
    faubourg commands list --all --json
    """
    rows = api_client().get("commands", query="all=1" if with_ended else "")
    if as_json:
        print_json(rows)
    elif not rows:
        click.echo("No command waits.")
    else:
        print_table(("id", "node", "what", "state", "expires"),
                    [(r["id"], short_endpoint(r["node"]), _what(r), _state(r),
                      _clock(r["expires_ms"])) for r in rows])


@commands.command()
@click.argument("command_id")
@json_option
def cancel(command_id: str, as_json: bool) -> None:
    """Take back a command that was not sent yet; 'faubourg commands list' shows its id.

    \b
    faubourg commands cancel 5f0c9a1b2c3d4e5f
    """
    row = api_client().delete("commands", command_id)
    if as_json:
        print_json(row)
    else:
        click.echo(f"cancelled: {command_id}")


def _state(row: dict) -> str:
    return f"failed {row['code'] or ''}".rstrip() if row["state"] == "failed" else row["state"]


def _what(row: dict) -> str:
    if row["operation"] == "dim":
        return f"dim {row['level']} %{_for(row['for_s'])}"
    return " ".join(str(part) for part in (row["operation"], row["path"], row["value"])
                    if part is not None)


def _for(for_s: int | None) -> str:
    return "" if for_s is None else f" for {duration_text(for_s)}"


def _clock(time_ms: int | None) -> str:
    return "" if time_ms is None else time.strftime("%d %b %H:%M", time.localtime(time_ms / 1000))
