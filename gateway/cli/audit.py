"""Who did what: the gateway's audit log."""

import json
from urllib.parse import urlencode

import click

from gateway.cli.connection import api_client
from gateway.cli.screen import json_option, local_time, print_json, print_table, short_endpoint

LIMIT_MAX = 10_000


@click.command()
@click.option("--node", help="Only what was done to this node.")
@click.option("--limit", type=click.IntRange(1, LIMIT_MAX), default=50, show_default=True,
              help="How many entries.")
@json_option
def audit(node: str | None, limit: int, as_json: bool) -> None:
    """Show who changed what, the newest first: by which door, on which node, with what result.

    'begun' says that no result is known: a command waits, or the gateway was stopped meanwhile.

    \b
    faubourg audit
    faubourg audit --node 0101 --json
    """
    query = {"limit": limit} | ({} if node is None else {"node": node})
    rows = api_client().get("audit", query=urlencode(query))
    if as_json:
        print_json(rows)
    elif not rows:
        click.echo("Nothing was done yet.")
    else:
        print_table(("when", "who", "node", "what", "result"), [_row(each) for each in rows])


def _row(row: dict) -> tuple:
    # What others wrote is shown as it is quoted: no control character reaches the terminal.
    what = " ".join(_plain(part) for part in (row["action"], row["path"], row["value"]) if part)
    return (local_time(row["time_ms"] / 1000), f"{_plain(row['who'])} ({row['door']})",
            short_endpoint(_plain(row["endpoint"] or "")), what, _plain(row["result"]))


def _plain(text: str) -> str:
    return text if text.isprintable() else json.dumps(text)
