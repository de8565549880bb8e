"""The words of the trade: dim and resume. Every override expires."""

from collections.abc import Callable

import click

from gateway.cli.connection import ApiError, api_client
from gateway.cli.duration import Duration
from gateway.cli.screen import json_option, local_time, print_json

# Command in action (object 3416): what the lamp has made of the command.
LEVEL_IN_FORCE = "/3416/0/2"
DIM_MAX_S = 31 * 86_400
WAIT_MAX_S = 180

wait_option = click.option(
    "--wait", "wait_s", type=Duration(WAIT_MAX_S), default="30s", show_default=True,
    help="How long to wait for the result; the command itself goes on after that.")


@click.command()
@click.argument("node")
@click.argument("level", type=click.IntRange(0, 100))
@click.option("--for", "for_s", type=Duration(DIM_MAX_S), default="2h", show_default=True,
              help="When the lamp returns to its schedule.")
@wait_option
@json_option
def dim(node: str, level: int, for_s: int, wait_s: int, as_json: bool) -> None:
    """Set the lamp NODE to LEVEL percent for a while; then it follows its schedule again.

    The command is kept by the gateway until the lamp answered, and at most as long as it lasts.

    \b
    faubourg dim urn:dev:mac:020000fffe000101 30 --for 2h
    """
    result = submit({"node": node, "operation": "dim", "level": level, "for_s": for_s,
                     "expires_s": for_s}, wait_s)
    if result["result"] == "done":
        result["level_taken"] = _level_taken(result["node"])
    report_result(result, as_json, _dimmed)


@click.command()
@click.argument("node")
@wait_option
@json_option
def resume(node: str, wait_s: int, as_json: bool) -> None:
    """End the override of the lamp NODE: back to its schedule at once.

    \b
    faubourg resume urn:dev:mac:020000fffe000101
    """
    result = submit({"node": node, "operation": "resume"}, wait_s)
    report_result(result, as_json, lambda _: "back to its schedule")


def submit(command: dict, wait_s: int) -> dict:
    """Hand a command to the gateway; return it with its result, or as it is after `wait_s`."""
    client = api_client()
    accepted = client.post("commands", body=command)
    return client.get("commands", accepted["id"], query=f"wait_s={wait_s}")


def report_result(command: dict, as_json: bool, done: Callable[[dict], str]) -> None:
    """Print a command's result; anything but 'done' ends with 1 and says what to expect."""
    if as_json:
        print_json(command)
    # That a command is not durable, for one.
    remark = f" ({command['detail']})" if command["detail"] else ""
    if command["result"] == "done":
        if not as_json:
            click.echo(f"{_who(command['node'])}: {done(command)}{remark}")
        return
    if command["result"] is None:
        waiting = _WAITING[command["state"]].format(**command)
        raise ApiError(f"no result yet: {waiting}{remark}")
    raise ApiError(f"the command to {command['node']} {_ended(command)}")


def _level_taken(endpoint: str) -> int | None:
    """Return the level in force at the lamp, which is its minimum where less was asked for."""
    body = {"operation": "read", "path": LEVEL_IN_FORCE}
    try:
        return api_client().post("nodes", endpoint, "operations", body=body)["values"][0]["value"]
    except (ApiError, IndexError):
        return None


def _dimmed(command: dict) -> str:
    asked, taken = command["level"], command["level_taken"]
    until = "" if command["until_s"] is None else f" until {local_time(command['until_s'])}"
    if taken is None:
        return f"{asked} %{until} is confirmed; what it took could not be read"
    if taken == asked:
        return f"{asked} %{until}"
    return f"{taken} %{until}, not {asked} %: see its minimum-dimming-level"


def _who(endpoint: str) -> str:
    name = api_client().get("nodes", endpoint)["name"]
    return f"{name} ({endpoint})" if name else endpoint


def _ended(command: dict) -> str:
    from gateway.code_words import code_text

    reason = code_text(command["code"] or "", command["detail"]) or _ENDS[command["result"]]
    return f"{_RESULTS.get(command['result'], command['result'])}: {reason}"


_RESULTS = {"cancelled": "was cancelled", "unknown": "has an unknown end"}
_ENDS = {
    "failed": "no reason was given",
    "expired": "the node was not there in time, nothing was sent",
    "unknown": "it was sent, and no answer came. It may have been done: read the value",
    "cancelled": "somebody took it back",
}
_WAITING = {
    "queued": "the node sleeps or is away; the gateway keeps the command until it expires. "
              "'faubourg commands cancel {id}' takes it back.",
    "sent": "the node has not answered yet; the gateway repeats the command until it expires. "
            "'faubourg commands list' shows what becomes of it.",
}
