"""The durable buffer: how full, how sound, what of whom, and why."""

from itertools import groupby
from typing import Any
from urllib.parse import urlencode

import click

from gateway.cli.connection import api_client
from gateway.cli.duration import age_text
from gateway.cli.moment import Moment
from gateway.cli.screen import (
    json_option,
    local_time,
    print_json,
    print_table,
    short_endpoint,
    value_text,
)

# So many ranges of numbers are shown of one kind; JSON has them all.
RANGES_SHOWN_MAX = 8


@click.group()
def buffer() -> None:
    """Look into the gateway's durable buffer and its gap ledger.

    \b
    faubourg buffer status
    faubourg buffer explain urn:dev:mac:020000fffe000101
    """


@buffer.command("status")
@json_option
def show_status(as_json: bool) -> None:
    """Show how much waits for each uplink, how big the store is, what is missing or damaged.

    \b
    faubourg buffer status
    """
    shown = api_client().get("buffer")
    if as_json:
        print_json(shown)
        return
    print_table(("", ""), _facts(shown))
    print_table(("uplink", "urgent", "oldest", "measurements", "oldest", "state"),
                [(u["name"], u["urgent"], age_text(u["urgent_age_s"]), u["measurements"],
                  age_text(u["measurements_age_s"]), u["state"]) for u in shown["uplinks"]])
    if shown["replays"]:
        print_table(("replay", "uplink", "of", "readings", "state", "since"),
                    [_replay_row(job) for job in shown["replays"]])
    for word in ("missing", "damaged"):
        for endpoint, count in shown[word].items():
            click.echo(f"{word}: {count} of {endpoint}; see 'faubourg buffer explain {endpoint}'")


def _replay_row(job: dict[str, Any]) -> tuple:
    state = job["state"]
    if state == "under way":
        state = "waits"
        if job["position"] < job["end"]:
            state = f"at row {job['position']} of {job['end']}"
    return (job["id"], job["uplink"], _replay_text(job), job["resent"], state,
            local_time((job["finished_ms"] or job["created_ms"]) / 1000))


def _replay_text(job: dict[str, Any]) -> str:
    """Return what a replay is of, in words."""
    parts = [short_endpoint(job["node"])] if job["node"] else []
    if job["first_id"] is not None:
        parts.append(f"rows {job['first_id']}-{job['last_id']}")
    parts += [f"{word} {local_time(job[key] / 1000)}"
              for word, key in (("from", "from_ms"), ("to", "to_ms")) if job[key] is not None]
    return " ".join(parts) or "all"


def _facts(shown: dict[str, Any]) -> list[tuple]:
    store = shown["store"]
    state = "ok"
    if store["state"] != "ok":
        state = f"FAILING since {local_time(store['since_ms'] / 1000)}: {store['detail']}"
    file_size = "unknown"
    if shown["file_bytes"] is not None:
        file_size = (f"{_size_text(shown['file_bytes'])}, {_size_text(shown['free_bytes'])} of it "
                     f"free; at most {_size_text(shown['size_max_bytes'])}")
    return [
        ("store", state),
        ("readings", "unknown" if shown["readings"] is None else shown["readings"]),
        ("oldest", age_text(shown["oldest_age_s"])),
        ("file", file_size),
        ("missing", sum(shown["missing"].values())),
        ("damaged", sum(shown["damaged"].values())),
        ("shed", ", ".join(f"{count} before {name} had them"
                           for name, count in shown["shed"].items()) or 0),
    ]


def _size_text(size: int) -> str:
    if size >= 1_000_000_000:
        return f"{size / 1_000_000_000:.1f} GB"
    return f"{size / 1_000_000:.1f} MB" if size >= 100_000 else f"{size / 1000:.0f} KB"


_lane = click.option("--lane", type=click.Choice(["urgent", "measurement"]),
                     help="Only alarms and events, or only measurements.")


def _selection(command):
    """Give a command the options that choose readings."""
    for option in reversed((
        click.option("--node", help="Only of this node."),
        click.option("--from", "from_ms", type=Moment(),
                     help="Taken at this time or later: 2026-11-27, or 2h for two hours ago."),
        click.option("--to", "to_ms", type=Moment(), help="Taken at this time or before."),
        click.option("--ids", help="Only these row ids: 17-24, or 17."),
    )):
        command = option(command)
    return command


def _query(ids: str | None, **wanted: Any) -> str:
    """Return the query of a selection; UsageError where `ids` is no range."""
    return urlencode(_wanted(ids, **wanted))


def _wanted(ids: str | None, **wanted: Any) -> dict[str, Any]:
    if ids is not None:
        first, dash, last = ids.partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise click.UsageError(f"--ids: {ids!r} is no range of ids; write 17-24, or 17.")
        wanted |= {"first_id": first, "last_id": last or first}
    return {name: value for name, value in wanted.items() if value is not None}


@buffer.command("list")
@_lane
@_selection
@click.option("--uplink", help="Only what this uplink has yet to get, in its order.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True,
              help="At most so many readings.")
@json_option
def list_readings(as_json: bool, ids: str | None, **wanted: Any) -> None:
    """List stored readings, the newest first; with --uplink what it has yet to get.

    A number is boot:number, as the node counts. A reading of a client without our journal has
    none: it is unsequenced, and known by the id of its row.

    \b
    faubourg buffer list --node 0101 --limit 5
    faubourg buffer list --uplink city --lane urgent --json
    """
    readings = api_client().get("buffer", "readings", query=_query(ids, **wanted))
    if as_json:
        print_json(readings)
        return
    print_table(("id", "node", "number", "reading", "value", "taken"),
                [(r["id"], short_endpoint(r["endpoint"]), _number(r), r["name"] or r["path"],
                  value_text(r), local_time(r["time_ms"] / 1000)) for r in readings])
    click.echo("1 reading" if len(readings) == 1 else f"{len(readings)} readings")


def _number(reading: dict[str, Any]) -> str:
    if reading["is_unsequenced"]:
        return "unsequenced"
    return f"{reading['boot']}:{reading['sequence']}"


@buffer.command()
@json_option
@click.pass_context
def verify(context: click.Context, as_json: bool) -> None:
    """Check the whole store: SQLite's own check and the checksum of every row.

    Nothing is changed. Ends with 1 if anything is damaged. A big store takes a while.

    \b
    faubourg buffer verify
    """
    found = api_client().get("buffer", "verify")
    if as_json:
        print_json(found)
    else:
        print_table(("table", "rows", "damaged"),
                    [(name, table["rows"], table["damaged"] or "")
                     for name, table in found["tables"].items()])
        for line in found["integrity"] if found["integrity"] != ["ok"] else ():
            click.echo(f"SQLite: {line}")
        click.echo("sound: every row is what was written" if found["is_sound"] else
                   f"DAMAGED: {found['damaged']} rows; readings among them are set aside when "
                   "they are read, and stand in the ledger")
    context.exit(0 if found["is_sound"] else 1)


@buffer.command()
@click.argument("node")
@json_option
@click.pass_context
def explain(context: click.Context, node: str, as_json: bool) -> None:
    """Say what became of every number that a node gave to a reading, boot by boot.

    received: it is or was in this store. pending: the node holds it. Anything else is not here,
    with the reason; missing: nobody knows why. Ends with 1 if any is missing.

    \b
    faubourg buffer explain urn:dev:mac:020000fffe000101
    """
    shown = api_client().get("buffer", "ledger", node)
    if as_json:
        print_json(shown)
    else:
        _print_explanation(shown)
    context.exit(1 if shown["missing"] else 0)


def _print_explanation(shown: dict[str, Any]) -> None:
    if not shown["boots"]:
        click.echo(f"{shown['endpoint']}: no numbered reading was ever received of it")
    for is_whole, boots in groupby(shown["boots"], key=_is_whole):
        if is_whole:
            click.echo(_whole_text(list(boots)))
            continue
        for boot in boots:
            state = "over" if boot["is_over"] else "not over yet"
            click.echo(f"boot {boot['boot']}, {state}: numbers 1 to {boot['last']}")
            print_table(("", "readings", "numbers", "since"), _rows(boot))
    for shed in shown["shed"]:
        numbers = (f"boot {shed['boot']}, numbers" if shed["boot"] is not None else "row ids")
        click.echo(f"shed before {shed['uplink']} had them: {numbers} "
                   f"{shed['first']} to {shed['last']}, {local_time(shed['noted_ms'] / 1000)}")
    if shown["boots"]:
        click.echo(f"MISSING: {shown['missing']} readings that nobody can explain"
                   if shown["missing"] else
                   "Nothing is missing: every number is here, with the node, or explained.")


def _is_whole(boot: dict[str, Any]) -> bool:
    return boot["is_over"] and boot["received"]["count"] == boot["last"]


def _whole_text(boots: list[dict[str, Any]]) -> str:
    """Return one line for boots of which every reading was received."""
    numbers = [boot["boot"] for boot in boots]
    count = sum(boot["last"] for boot in boots)
    which = f"boot {numbers[0]}" if len(numbers) == 1 else (
        f"{len(numbers)} boots from {numbers[0]} to {numbers[-1]}")
    return f"{which}, over: all {count} readings received"


def _rows(boot: dict[str, Any]) -> list[tuple]:
    rows = [(word, part["count"], _shortened(part["ranges"].split(",")), "")
            for word in ("received", "pending") if (part := boot[word])["count"]]
    reasons: dict[str, list[dict]] = {}
    for gap in boot["explained"]:
        reasons.setdefault(gap["reason"], []).append(gap)
    for reason, gaps in reasons.items():
        ranges = [_range(gap) for gap in gaps]
        since = local_time(min(gap["noted_ms"] for gap in gaps) / 1000)
        rows.append((reason, sum(gap["count"] for gap in gaps), _shortened(ranges), since))
    if boot["missing"]["count"]:
        missing = boot["missing"]
        rows.append(("MISSING", missing["count"], _shortened(missing["ranges"].split(",")), ""))
    return rows


def _range(gap: dict[str, Any]) -> str:
    return str(gap["first"]) if gap["count"] == 1 else f"{gap['first']}-{gap['last']}"


def _shortened(ranges: list[str]) -> str:
    more = len(ranges) - RANGES_SHOWN_MAX
    shown = ", ".join(ranges[:RANGES_SHOWN_MAX])
    return f"{shown} and {more} more ranges" if more > 0 else shown


@buffer.command()
@click.argument("file", type=click.Path(dir_okay=False))
@_lane
@_selection
@click.option("--format", "file_format", type=click.Choice(["senml", "csv"]), default="senml",
              show_default=True, help="SenML JSON lines as the uplink 'file' writes them, or CSV.")
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@json_option
def export(file: str, file_format: str, force: bool, as_json: bool, ids: str | None,
           **wanted: Any) -> None:
    """Write stored readings to FILE, with their numbers; no uplink's cursor moves.

    FILE is there whole and on the disk, or not at all.

    \b
    faubourg buffer export readings.csv --format csv --node 0101 --from 1d
    faubourg buffer export november.jsonl --from 2026-11-01 --to 2026-12-01
    """
    from gateway.cli.whole_file import WholeFile

    query = _query(ids, format=file_format, **wanted)
    with WholeFile(file, force) as whole:
        for chunk in api_client().chunks("buffer", "export", query=query):
            whole.write(chunk)
    what, count = "packs", whole.lines
    if file_format == "csv":
        # The first line names the columns.
        what, count = "readings", whole.lines - 1
    if as_json:
        print_json({"file": file, what: count, "bytes": whole.size})
    else:
        click.echo(f"{file}: {count} {what}, {_size_text(whole.size)}")


@buffer.command()
@click.option("--uplink", help="Which uplink gets the readings again.")
@_selection
@click.option("--cancel", "number", type=int, help="End the replay of this number instead.")
@json_option
def replay(uplink: str | None, number: int | None, as_json: bool,
           ids: str | None, **wanted: Any) -> None:
    """Send readings that an uplink has had to it once more, under the same ids.

    A back end that keeps to the ids ignores what it has. It goes behind everything new, and
    survives restarts; 'faubourg buffer status' shows how far it is.

    \b
    faubourg buffer replay --uplink city --from 2026-11-20
    faubourg buffer replay --uplink city --node 0101 --ids 100000-200000
    faubourg buffer replay --cancel 3
    """
    if (uplink is None) == (number is None):
        raise click.UsageError("name either --uplink NAME, to begin a replay, or --cancel NUMBER.")
    if number is not None:
        job = api_client().delete("buffer", "replays", str(number))
    else:
        body = {"uplink": uplink, **_wanted(ids, **wanted)}
        job = api_client().post("buffer", "replays", body=body)
    if as_json:
        print_json(job)
        return
    click.echo(f"replay {job['id']} of {_replay_text(job)} to {job['uplink']}: {job['state']}; "
               f"{job['resent']} readings have gone")
