"""What waits for whom: the gateway's durable command queue."""

import time

import click

from gateway.cli.connection import api_client
from gateway.cli.screen import json_option, print_json, print_table


@click.group()
def commands() -> None:
    """List or cancel the commands that the gateway keeps for its nodes.

    \b
    faubourg commands list
    faubourg commands cancel 5f0c…
    """


@commands.command("list")
@click.option("--all", "with_ended", is_flag=True, help="Also those that have their result.")
@json_option
def list_commands(with_ended: bool, as_json: bool) -> None:
    """List the commands that wait, oldest first."""
    rows = api_client().get("commands", query="all=1" if with_ended else "")
    if as_json:
        print_json(rows)
    elif not rows:
        click.echo("No command waits.")
    else:
        print_table(("id", "node", "what", "state", "result", "expires"),
                    [(r["id"], r["node"], _what(r), r["state"], r["result"],
                      _clock(r["expires_ms"])) for r in rows])


@commands.command()
@click.argument("command_id")
@json_option
def cancel(command_id: str, as_json: bool) -> None:
    """Take back a command that was not sent yet."""
    row = api_client().delete("commands", command_id)
    if as_json:
        print_json(row)
    else:
        click.echo(f"cancelled: {command_id}")


def _what(row: dict) -> str:
    if row["operation"] == "dim":
        return f"dim {row['level']} % for {row['for_s']} s"
    return " ".join(str(part) for part in (row["operation"], row["path"], row["value"])
                    if part is not None)


def _clock(time_ms: int | None) -> str:
    return "" if time_ms is None else time.strftime("%d %b %H:%M", time.localtime(time_ms / 1000))
