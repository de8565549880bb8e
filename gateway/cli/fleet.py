"""The fleet at a glance, one node's story, and the gateway's own state."""

import click

from gateway.cli.connection import api_client
from gateway.cli.duration import age_text
from gateway.cli.screen import (
    json_option,
    local_time,
    print_json,
    print_table,
    short_endpoint,
    value_text,
)

STATE_WORDS = {"registered": "ok", "sleeping": "asleep", "late": "LATE", "gone": "GONE"}
# What an operator may write: the words of the table as well as those of the JSON.
STATES = {word.lower(): state for state, word in STATE_WORDS.items()} | {
    state: state for state in STATE_WORDS}


@click.command()
@click.option("--state", type=click.Choice(list(STATES), case_sensitive=False),
              help="Only nodes in this state; registered and sleeping are ok and asleep.")
@click.option("--furniture", type=click.Choice(["lamp", "bin", "parking"], case_sensitive=False),
              help="Only this kind.")
@json_option
def nodes(state: str | None, furniture: str | None, as_json: bool) -> None:
    """List the fleet: who is there, since when unheard, and the reading that matters most.

    States: ok, asleep (a battery node that answers when it wakes), LATE (its registration
    should have been renewed), GONE (de-registered, or its lifetime has passed).

    \b
    faubourg nodes
    faubourg nodes --state late --json
    """
    state = STATES.get(state)
    found = [node for node in api_client().get("nodes")
             if state in (None, node["state"]) and furniture in (None, node["furniture"])]
    if as_json:
        print_json(found)
        return
    print_table(("node", "name", "kind", "state", "heard", "now", "waiting", "missing"),
                [_row(node) for node in found])
    if any(each["security"] == "none" for each in found):
        click.echo(f"WARNING: security = {_security_text('none')}")
    click.echo(_totals(found))


def _row(node: dict) -> tuple:
    main_values = ", ".join(value_text(value) for value in node["main_values"])
    return (short_endpoint(node["endpoint"]), node["name"] or node["asset"],
            node["furniture"] or "?",
            STATE_WORDS[node["state"]], age_text(node["age_s"]), main_values,
            node["pending_commands"] or "", node["missing"] or "")


def _totals(found: list[dict]) -> str:
    counts = {state: sum(node["state"] == state for node in found) for state in STATE_WORDS}
    said = ", ".join(f"{count} {STATE_WORDS[state]}" for state, count in counts.items() if count)
    nodes = "1 node" if len(found) == 1 else f"{len(found)} nodes"
    return f"{nodes}: {said}" if said else nodes


@click.command()
@click.argument("node")
@json_option
def node(node: str, as_json: bool) -> None:
    """Show one node: identity, registration, last readings, what waits for it.

    \b
    faubourg node urn:dev:mac:020000fffe000101
    """
    shown = api_client().get("nodes", node)
    if as_json:
        print_json(shown)
        return
    print_table(("", ""), _identity(shown), title=shown["endpoint"])
    if shown["readings"]:
        print_table(("last readings", "", "value", "taken"),
                    [(r["path"], r["name"], value_text(r), local_time(r["time_ms"] / 1000))
                     for r in shown["readings"]])
    for command in shown["commands"]:
        click.echo(f"waiting: {command['operation']} {command['path'] or ''} ({command['state']})")


def _identity(shown: dict) -> list[tuple]:
    registration = (f"{shown['state']}, heard {age_text(shown['age_s'])} ago, "
                    f"lifetime {age_text(shown['lifetime_s'])}")
    return [
        ("name, asset", f"{shown['name'] or '—'}, {shown['asset'] or '—'}"),
        ("kind", shown["furniture"] or "unknown"),
        ("registration", registration),
        ("address", shown["address"]),
        ("LwM2M", f"{shown['lwm2m_version']}, binding {shown['binding']}"
                  f"{', queue mode' if shown['queue_mode'] else ''}"),
        ("security", _security_text(shown["security"])),
        ("objects", " ".join(shown["objects"])),
        ("observed", " ".join(shown["observed"]) or "nothing"),
        ("gaps", _gaps_text(shown)),
    ]


def _security_text(security: str) -> str:
    return "none: nothing between nodes and gateway is protected" if security == "none" else (
        security)


def _gaps_text(shown: dict) -> str:
    if not shown["missing"]:
        return "none that is not explained"
    return f"{shown['missing']} readings missing; see 'faubourg buffer explain'"


def _store_text(store: dict) -> str:
    """Return how the store does, and what its ledger cannot explain, in words."""
    said = [f"{store[name]} readings {name}" for name in ("missing", "damaged") if store[name]]
    if store["state"] != "ok":
        since = local_time(store["since_ms"] / 1000)
        said.insert(0, f"FAILING since {since} ({store['detail']}); "
                       "nodes hold what cannot be kept")
    else:
        said.insert(0, "ok")
    return ", ".join(said)


@click.command()
@json_option
def status(as_json: bool) -> None:
    """Show the gateway's own state: nodes, readings kept, uplinks with depth and age.

    \b
    faubourg status
    """
    shown = api_client().get("status")
    if as_json:
        print_json(shown)
        return
    print_table(("", ""), [
        ("gateway", f"{shown['id']}, Faubourg {shown['version']}"),
        ("security", _security_text(shown["security"])),
        ("up", age_text(shown["uptime_s"])),
        ("nodes", ", ".join(f"{count} {state}"
                            for state, count in shown["nodes"].items() if count)),
        ("readings stored", shown["readings_stored"]),
        ("store", _store_text(shown["store"])),
    ])
    for warning in shown["warnings"]:
        click.echo(f"WARNING: {warning}")
    if shown["incidents"]:
        print_table(("incident", "of", "", "when"),
                    [(i["kind"], i["subject"], i["detail"], local_time(i["time_ms"] / 1000))
                     for i in shown["incidents"]])
    print_table(("uplink", "waiting", "oldest", "state"),
                [(u["name"], u["depth"], age_text(u["oldest_age_s"]), u["state"])
                 for u in shown["uplinks"]])
