"""LwM2M from the shell: ping, read, write, execute, discover, observe."""

import json
import time
from urllib.parse import urlencode

import click

from gateway.cli.connection import ApiClient, ApiError, api_client
from gateway.cli.duration import Duration
from gateway.cli.screen import json_option, print_json, print_table, print_values, value_text

TIMEOUT_MAX_S = 180

timeout_option = click.option(
    "--timeout", "timeout_s", type=Duration(TIMEOUT_MAX_S), default="30s", show_default=True,
    help="How long to wait for the node's answer.")

NEGATIVE_NUMBERS = {"ignore_unknown_options": True}
"""A value such as -2.5 is no option."""


def _operate(node: str, operation: str, timeout_s: int, **more) -> dict:
    body = {"operation": operation, "timeout_s": timeout_s, **more}
    return api_client().post("nodes", node, "operations", body=body)


@click.command()
@click.argument("node")
@timeout_option
@json_option
def ping(node: str, timeout_s: int, as_json: bool) -> None:
    """Ask NODE whether it is there (CoAP ping) and show the round trip.

    \b
    faubourg ping urn:dev:mac:020000fffe000101
    """
    answer = _operate(node, "ping", timeout_s)
    if as_json:
        print_json(answer)
    else:
        click.echo(f"{node} answered after {answer['round_trip_ms']} ms.")


@click.command()
@click.argument("node")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@timeout_option
@json_option
def read(node: str, paths: tuple[str, ...], timeout_s: int, as_json: bool) -> None:
    """Read a resource, an instance or an object of NODE; several PATHs in one request.

    \b
    faubourg read urn:dev:mac:020000fffe000101 dimming-level
    faubourg read 0101 /3418/0
    faubourg read 0101 /3416/0/3 /3418/0/4
    """
    if len(paths) == 1:
        answer = _operate(node, "read", timeout_s, path=paths[0])
    else:
        answer = _operate(node, "read-composite", timeout_s, paths=list(paths))
    if as_json:
        print_json(answer)
    else:
        print_values(answer)


@click.command(context_settings=NEGATIVE_NUMBERS)
@click.argument("node")
@click.argument("path")
@click.argument("value")
@timeout_option
@json_option
def write(node: str, path: str, value: str, timeout_s: int, as_json: bool) -> None:
    """Write VALUE to a resource of NODE. The object's definition says how VALUE is read.

    \b
    faubourg write 0101 default-dimming-level 80
    faubourg write 0101 /3410/0/7 true
    """
    _finish(_operate(node, "write", timeout_s, path=path, value=value), as_json,
            f"written: {path} = {value}")


@click.command()
@click.argument("node")
@click.argument("path")
@click.argument("arguments", default="")
@timeout_option
@json_option
def execute(node: str, path: str, arguments: str, timeout_s: int, as_json: bool) -> None:
    """Execute a resource of NODE, with optional LwM2M ARGUMENTS such as "0='a',1".

    \b
    faubourg execute 0101 reboot
    faubourg execute 0101 /1/0/8
    """
    _finish(_operate(node, "execute", timeout_s, path=path, arguments=arguments), as_json,
            f"executed: {path}")


def _finish(answer: dict, as_json: bool, done: str) -> None:
    if as_json:
        print_json(answer)
    else:
        click.echo(f"{done} ({answer['code']})")


@click.command()
@click.argument("node")
@click.argument("path", default="/")
@timeout_option
@json_option
def discover(node: str, path: str, timeout_s: int, as_json: bool) -> None:
    """List what NODE has below PATH, with versions and notification attributes.

    Without PATH: the objects and instances that it registered (nothing is sent).

    \b
    faubourg discover 0101
    faubourg discover 0101 /3416
    """
    answer = _operate(node, "discover", timeout_s, path=path)
    if as_json:
        print_json(answer)
        return
    print_table(("path", "name", "attributes"),
                [(link["path"], link["name"],
                  " ".join(k if v is None else f"{k}={v}" for k, v in link["attributes"].items()))
                 for link in answer["links"]])


@click.command()
@click.argument("node")
@click.argument("path")
@click.option("--count", type=click.IntRange(min=1), help="End after so many notifications.")
@click.option("--for", "for_s", type=Duration(), help="End after this time, such as 10m.")
@json_option
def observe(node: str, path: str, count: int | None, for_s: int | None, as_json: bool) -> None:
    """Show every change of PATH at NODE as it is notified, until Ctrl-C.

    With --json one object per line. Ends with 1 if --for passes without any notification, and
    if the gateway or the node goes away first.

    \b
    faubourg observe 0101 dimming-level
    faubourg observe 0301 /3431/0/1 --count 2 --json
    """
    seen, started_s = 0, time.monotonic()
    try:
        for notification in _notifications(api_client(), node, path, for_s):
            seen += 1
            _print_notification(notification, as_json)
            if seen == count:
                return
    except KeyboardInterrupt:
        return
    if for_s is None or time.monotonic() - started_s < for_s:
        raise ApiError(f"the observation of {path} has ended: {node} is gone, or has restarted")
    if not seen:
        click.echo(f"faubourg: nothing was notified of {path} within {for_s} s.", err=True)
        click.get_current_context().exit(1)


def _notifications(client: ApiClient, node: str, path: str, for_s: int | None):
    query = {"path": path}
    if for_s is not None:
        query["for_s"] = str(for_s)
    return client.lines("nodes", node, "observe", query=urlencode(query))


def _print_notification(notification: dict, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(notification, ensure_ascii=False))
        return
    clock = time.strftime("%H:%M:%S", time.localtime(notification["time_ms"] / 1000))
    for value in notification["values"]:
        click.echo(f"{clock}  {value['path']}  {value['name']}  {value_text(value)}")
