"""Loads scenarios: those that come with Faubourg by name, any other by its file's path."""

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from gateway.settings_table import SettingsError, convert
from simulator.scenario_check import check
from simulator.scenario_tables import Scenario

__all__ = ["Scenario", "ScenarioError", "load", "names", "parse"]

SUFFIX = ".toml"


class ScenarioError(Exception):
    """The scenario cannot be used; the text names the file, the key, and what is allowed."""


def names() -> list[str]:
    """Return the scenarios that come with Faubourg."""
    return sorted(each.name.removesuffix(SUFFIX) for each in _shipped().iterdir()
                  if each.name.endswith(SUFFIX))


def load(name_or_path: str) -> Scenario:
    """Return the scenario of a name, or the one in the file at a path that ends in ".toml".

    A CSV file that it names is looked for beside it. Raises ScenarioError.
    """
    is_file = name_or_path.endswith(SUFFIX)
    if not is_file and name_or_path not in names():
        known = ", ".join(names())
        raise ScenarioError(f'there is no scenario "{name_or_path}": there are {known}, '
                            "or give the path of a .toml file")
    path = Path(name_or_path) if is_file else _shipped() / (name_or_path + SUFFIX)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{name_or_path}: cannot be read: {error}") from error
    return parse(text, str(name_or_path))


def parse(text: str, source: str) -> Scenario:
    """Return the scenario in the TOML `text`; `source` is its name, or its file's path."""
    try:
        document = tomllib.loads(text)
        if "name" in document:
            raise SettingsError.of("name", document["name"], "no such key")
        scenario = convert({**document, "name": source}, Scenario, "")
        check(scenario)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{source}: not TOML: {error}") from error
    except SettingsError as error:
        raise ScenarioError(f"{source}: {error}") from error
    return scenario


def _shipped() -> Any:
    return resources.files("simulator") / "scenarios"
