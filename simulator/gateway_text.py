"""The settings of a run's gateways, as the TOML text that a real gateway reads."""

import json
from typing import Any

from gateway.command_rights import APPLICATION_PATHS
from simulator.scenario_tables import Scenario

BROKER_URL = "mqtt://city:1883"
UPLINK = "city"
# What this city may do besides: name nodes, calibrate loops, have nodes register again.
OTHER_PATHS = ("/3410/0/3", "/42801", "/1/0/8")


def gateway_id(number: int) -> str:
    """Return the id of the gateway with this number, 0 and up."""
    return f"gateway-{number + 1}"


def settings_text(scenario: Scenario, number: int, listen: str = "127.0.0.1:5683") -> str:
    """Return the settings of the gateway with this number; its data lie in the folder "data".

    What the scenario's `[gateway]` says is laid over what a simulation needs.
    """
    document: dict[str, Any] = {
        "gateway": {"id": gateway_id(number), "listen": listen, "data": "data",
                    "security": scenario.fleet.security, "time": "ntp"},
        # As in the field: no two gateways of a city give a node the same id.
        "keys": {"id_prefix": f"{number:04x}"},
        "uplink": {UPLINK: {"type": "mqtt", "url": BROKER_URL, "ack": scenario.back_end.ack,
                            "commands": {"paths": [*APPLICATION_PATHS, *OTHER_PATHS]}}},
    }
    return "\n".join(_table(_merged(document, scenario.gateway), ())) + "\n"


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        under = below.get(key)
        is_table = isinstance(value, dict) and isinstance(under, dict)
        merged[key] = _merged(under, value) if is_table else value
    return merged


def _table(table: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    """Return the lines of a table and of those within it, plain values first (TOML 1.0)."""
    lines = [f"[{'.'.join(json.dumps(name) for name in names)}]"] if names else []
    lines += [f"{json.dumps(key)} = {_value(value)}" for key, value in table.items()
              if not isinstance(value, dict)]
    for key, value in table.items():
        if isinstance(value, dict):
            lines += _table(value, (*names, key))
    return lines


def _value(value: Any) -> str:
    # JSON's texts, numbers, truths and lists are TOML's too.
    return json.dumps(value)
