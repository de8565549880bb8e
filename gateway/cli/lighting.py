"""The words of the trade: dim and resume. Every override expires."""

import click

from gateway.cli.connection import ApiError, api_client
from gateway.cli.duration import Duration
from gateway.cli.screen import json_option, print_json

wait_option = click.option(
    "--wait", "wait_s", type=Duration(), default="30s", show_default=True,
    help="How long to wait for the result; the command itself goes on after that.")


@click.command()
@click.argument("node")
@click.argument("level", type=click.IntRange(0, 100))
@click.option("--for", "for_s", type=Duration(), default="2h", show_default=True,
              help="When the lamp returns to its schedule.")
@wait_option
@json_option
def dim(node: str, level: int, for_s: int, wait_s: int, as_json: bool) -> None:
    """Set the lamp NODE to LEVEL percent for a while; then it follows its schedule again.

    The command is kept by the gateway until the lamp answered, and at most as long as it lasts.

    \b
    faubourg dim urn:dev:mac:0242acfffe110003 30 --for 2h
    """
    result = submit({"node": node, "operation": "dim", "level": level, "for_s": for_s,
                     "expires_s": for_s}, wait_s)
    report_result(result, as_json, f"{node}: {level} % for {for_s} s")


@click.command()
@click.argument("node")
@wait_option
@json_option
def resume(node: str, wait_s: int, as_json: bool) -> None:
    """End the override of the lamp NODE: back to its schedule at once.

    \b
    faubourg resume urn:dev:mac:0242acfffe110003
    """
    result = submit({"node": node, "operation": "resume"}, wait_s)
    report_result(result, as_json, f"{node}: back to its schedule")


def submit(command: dict, wait_s: int) -> dict:
    """Hand a command to the gateway; return it with its result, or as it is after `wait_s`."""
    client = api_client()
    accepted = client.post("commands", body=command)
    return client.get("commands", accepted["id"], query=f"wait_s={wait_s}")


def report_result(command: dict, as_json: bool, done: str) -> None:
    """Print a command's result; anything but 'done' ends with 1 and says what to expect."""
    if as_json:
        print_json(command)
    if command["result"] == "done":
        if not as_json:
            click.echo(done)
        return
    if command["result"] is None:
        raise ApiError("no result yet: " + _WAITING[command["state"]].format(**command))
    raise ApiError(f"the command {command['result']}: {command['detail']}")


_WAITING = {
    "queued": "the node sleeps or is away; the gateway keeps the command until it expires. "
              "'faubourg commands cancel {id}' takes it back.",
    "sent": "the node has not answered yet; the gateway repeats the command until it expires. "
            "'faubourg commands list' shows what becomes of it.",
}
