"""Nodes' keys: made, listed, rotated, revoked, and carried from one gateway to another."""

import base64
import csv
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from gateway import exported_keys, private_file, sealed_file
from gateway.cli.connection import ApiClient, ApiError, api_client
from gateway.cli.passphrase import known_passphrase, new_passphrase, passphrase_option
from gateway.cli.screen import (
    json_option,
    local_time,
    print_json,
    print_table,
    short_endpoint,
)
from gateway.exported_keys import ExportedKeys
from gateway.sealed_file import KEYS, SealedFileError

IMPORTED_AT_ONCE = 200
ROTATION_POLL_S = 1.0
# As the gateway calls them; UNKNOWN is of a rotation that was forgotten.
UNDER_WAY, DONE, FAILED, UNKNOWN = ("waiting", "written"), "done", "failed", "unknown"
ROTATION_WORDS = {
    "waiting": "it gets new keys when it listens", "written": "it has new keys to try",
    DONE: "it has new keys", FAILED: "it keeps its old keys; the gateway's log says why",
    UNKNOWN: "the gateway has restarted, and may have ended it; see 'faubourg keys list'",
}


@click.group()
def keys() -> None:
    """Make, list, rotate and revoke the keys of nodes; no command shows a secret.

    \b
    faubourg keys add urn:dev:mac:020000fffe000101 --out 0101.keys
    faubourg keys list
    """


@keys.command()
@click.argument("endpoint", required=False)
@click.option("--csv", "csv_file", type=click.Path(dir_okay=False),
              help="Of every node in this file: its column 'endpoint', or its first one.")
@click.option("--out", type=click.Path(),
              help="Where the node's keys go, mode 0600; with --csv a folder. "
                   "Default: the endpoint's name, here.")
@json_option
def add(endpoint: str | None, csv_file: str | None, out: str | None, as_json: bool) -> None:
    """Make the keys of a node that has none, and write the file that the node is given.

    The file holds the secret: give it to the node, then delete it. No file is ever replaced.

    \b
    faubourg keys add urn:dev:mac:020000fffe000101 --out 0101.keys
    faubourg keys add --csv delivery.csv --out keys/
    """
    if (endpoint is None) == (csv_file is None):
        raise click.UsageError("name one endpoint, or --csv FILE")
    if csv_file is None:
        wanted = [(endpoint, Path(out or _file_name(endpoint)))]
    else:
        folder = Path(out or "keys")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        wanted = [(each, folder / _file_name(each)) for each in _endpoints(csv_file)]
    _check_free(path for _, path in wanted)
    client = api_client()
    added = []
    for name, path in wanted:
        added.append(_add(client, name, path))
        if not as_json:
            click.echo(f"{name}: kid {added[-1]['kid']}, keys in {path}")
    if as_json:
        print_json(added)


def _add(client: ApiClient, endpoint: str, path: Path) -> dict[str, Any]:
    made = client.post("keys", body={"endpoint": endpoint})
    try:
        private_file.write_new(path, base64.b64decode(made.pop("credentials")))
    except OSError as error:
        client.delete("keys", endpoint)
        raise ApiError(f"{path}: {error.strerror}. The keys of {endpoint} were revoked: nobody "
                       "has them") from error
    return made | {"file": str(path)}


def _file_name(endpoint: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", short_endpoint(endpoint)).lstrip(".-") + ".keys"


def _endpoints(file: str) -> list[str]:
    try:
        with open(file, newline="", encoding="utf-8-sig") as lines:
            rows = [row for row in csv.reader(lines) if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise click.UsageError(f"--csv {file}: {reason}") from error
    column = 0
    if rows and "endpoint" in rows[0]:
        column = rows.pop(0).index("endpoint")
    found = [row[column].strip() if column < len(row) else "" for row in rows]
    if not found or not all(found) or len(set(found)) < len(found):
        raise click.UsageError(f"--csv {file}: every line needs an endpoint of its own")
    return found


def _check_free(paths: Iterator[Path]) -> None:
    seen = set()
    for path in paths:
        if os.path.lexists(path) or path in seen:
            raise click.UsageError(f"{path} is there already; no file of keys is replaced")
        if not path.parent.is_dir():
            raise click.UsageError(f"{path.parent} is no folder")
        seen.add(path)


@keys.command("list")
@json_option
def list_keys(as_json: bool) -> None:
    """List every node's contexts: state, when they were made and last used.

    restored: it came with a backup or an import; its node gets fresh keys when it next speaks.
    trial: new keys on their way to the node. revoked: nothing is accepted until 'keys add'.

    \b
    faubourg keys list
    """
    rows = api_client().get("keys")
    if as_json:
        print_json(rows)
    elif not rows:
        click.echo("No node has keys here; 'faubourg keys add' makes them.")
    else:
        print_table(("node", "kid", "state", "rotation", "made", "last used"),
                    [(short_endpoint(r["endpoint"]), r["kid"], r["state"], r["rotation"],
                      _time(r["created_ms"]), _time(r["used_ms"])) for r in rows])
        lacking = {r["endpoint"] for r in rows
                   if not r["in_backup"] and r["state"] != "revoked"}
        if lacking:
            click.echo(f"In no backup: the keys of {_of(len(lacking))} ('faubourg backup FILE').")


def _time(time_ms: int | None) -> str:
    return "never" if not time_ms else local_time(time_ms / 1000)


@keys.command()
@click.argument("node", required=False)
@click.option("--all", "of_all", is_flag=True, help="Every node whose keys are current.")
@click.option("--wait", is_flag=True, help="Until every node has its new keys, or kept its old.")
@json_option
@click.pass_context
def rotate(
    context: click.Context, node: str | None, of_all: bool, wait: bool, as_json: bool
) -> None:
    """Give a node new keys in service; it keeps its old ones if the new ones do not work.

    A node that sleeps gets them when it wakes. Ends with 1 if a rotation failed or was refused.

    \b
    faubourg keys rotate 0101 --wait
    faubourg keys rotate --all
    """
    if (node is None) != of_all:
        raise click.UsageError("name one node, or --all")
    client = api_client()
    names = [node] if node else sorted({
        row["endpoint"] for row in client.get("keys") if row["state"] == "current"})
    ends: dict[str, str] = {}
    for name in names:
        try:
            begun = client.post("keys", name, "rotation", body={})
            ends[begun["endpoint"]] = begun["rotation"]
        except ApiError as error:
            if not of_all or error.status is None:
                raise
            ends[name] = f"refused: {error}"
    if wait:
        _wait(client, ends, quiet=as_json)
    if as_json:
        print_json(ends)
    else:
        for name, end in ends.items():
            click.echo(f"{name}: {ROTATION_WORDS.get(end, end)}")
    is_well = all(end in (*UNDER_WAY, DONE) for end in ends.values())
    context.exit(0 if is_well else 1)


def _wait(client: ApiClient, ends: dict[str, str], quiet: bool) -> None:
    """Bring `ends` up to date until every rotation has ended; the gateway ends each in time."""
    told = None
    while waiting := [name for name, end in ends.items() if end in UNDER_WAY]:
        if not quiet and len(waiting) != told:
            click.echo(f"{len(ends) - len(waiting)} of {len(ends)} rotations have ended", err=True)
            told = len(waiting)
        time.sleep(ROTATION_POLL_S)
        # A node that was revoked meanwhile, or a gateway that restarted, knows of none.
        states = {row["endpoint"]: row["rotation"] or UNKNOWN for row in client.get("keys")}
        ends |= {name: states.get(name, UNKNOWN) for name in waiting}


@keys.command()
@click.argument("node")
@json_option
def revoke(node: str, as_json: bool) -> None:
    """Accept nothing under a node's keys any more, at once; its registration ends.

    \b
    faubourg keys revoke urn:dev:mac:020000fffe000101
    """
    revoked = api_client().delete("keys", node)
    if as_json:
        print_json(revoked)
    else:
        click.echo(f"{revoked['endpoint']}: revoked; 'faubourg keys add' makes new keys for it")


_nodes = click.option("--node", "nodes", multiple=True, help="Only of this node; may be repeated.")


@keys.command()
@click.argument("file", type=click.Path(dir_okay=False))
@_nodes
@passphrase_option
@json_option
def export(
    file: str, nodes: tuple[str, ...], passphrase_file: str | None, as_json: bool
) -> None:
    """Write nodes' keys into a file under a passphrase, for another gateway to import.

    This gateway goes on as before. The nodes follow the gateway that they speak to: it renews
    their keys, and from then on neither this file nor this gateway can speak for them.

    \b
    faubourg keys export street.keys --passphrase-file passphrase
    faubourg keys export lamp.keys --node 0101
    """
    passphrase = new_passphrase(passphrase_file)
    _check_free(iter([Path(file)]))
    answer = api_client().post("keys", "export", body={"nodes": list(nodes)})
    found = [exported_keys.from_json(each) for each in answer["keys"]]
    with private_file.new(file) as out:
        writer = sealed_file.SealedWriter(out, KEYS, passphrase)
        writer.write(exported_keys.encode(found))
        writer.close()
    if as_json:
        print_json({"file": file, "nodes": len(found)})
    else:
        click.echo(f"{file}: the keys of {_of(len(found))}, under the passphrase")


@keys.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@_nodes
@click.option("--with-revoked", is_flag=True, help="Also of nodes whose keys were revoked here.")
@passphrase_option
@json_option
@click.pass_context
def import_keys(
    context: click.Context, file: str, nodes: tuple[str, ...], with_revoked: bool,
    passphrase_file: str | None, as_json: bool,
) -> None:
    """Take nodes' keys from a file that 'keys export' wrote; nodes with keys here keep theirs.

    What was imported may be known elsewhere: it protects nothing here. When such a node first
    speaks, it gets fresh keys by itself, that this gateway and the node alone know.

    \b
    faubourg keys import street.keys --passphrase-file passphrase
    """
    found = _imported(file, known_passphrase(passphrase_file))
    if nodes:
        lacking = set(nodes) - {each.endpoint for each in found}
        if lacking:
            raise ApiError(f"{file} has no keys of {', '.join(sorted(lacking))}")
        found = [each for each in found if each.endpoint in nodes]
    client, result = api_client(), {"imported": [], "skipped": [], "taken": []}
    for start in range(0, len(found), IMPORTED_AT_ONCE):
        some = found[start:start + IMPORTED_AT_ONCE]
        body = {"keys": [exported_keys.to_json(each) for each in some],
                "with_revoked": with_revoked}
        for word, names in client.post("keys", "import", body=body).items():
            result[word] += names
    if as_json:
        print_json(result)
    else:
        _tell(result)
    context.exit(1 if result["taken"] else 0)


def _tell(result: dict[str, list[str]]) -> None:
    click.echo(f"imported the keys of {_of(len(result['imported']))}")
    for name in result["skipped"]:
        click.echo(f"{name}: left alone, it is known here")
    for name in result["taken"]:
        click.echo(f"{name}: NOT imported, another node here has its id: gateways that exchange "
                   "nodes need different keys.id_prefix. Make new keys with 'faubourg keys add'")


def _imported(file: str, passphrase: str) -> list[ExportedKeys]:
    try:
        with open(file, "rb") as sealed:
            reader = sealed_file.SealedReader(sealed, KEYS, passphrase)
            return list(exported_keys.decode(reader.read()))
    except (OSError, SealedFileError) as error:
        raise ApiError(f"{file}: {getattr(error, 'strerror', None) or error}") from error


def _of(count: int) -> str:
    return "1 node" if count == 1 else f"{count} nodes"
