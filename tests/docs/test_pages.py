"""The pages agree with the programs, the settings and each other."""

import ast
import json
import re

import click
import pytest

from gateway import settings as gateway_settings
from gateway.cli import main as faubourg
from protocol.settings import FURNITURES, Settings
from simulator import scenario
from simulator.cli import main as faubourg_sim
from tests.docs import pages

NODES = pages.ROOT / "docs/nodes.md"
INTEGRATION = pages.ROOT / "docs/integration.md"
PROGRAMS = {"faubourg": faubourg, "faubourg-sim": faubourg_sim}


def complaint(words: list[str]) -> str | None:
    """Return what is wrong with a call of our programs, None if it would be understood."""
    command = PROGRAMS[words[0]]
    context = click.Context(command)
    for word in words[1:]:
        options = {name for each in command.get_params(context) for name in each.opts}
        if word.startswith("-"):
            if word.partition("=")[0] not in options:
                return f"{command.name} has no option {word}"
        elif isinstance(command, click.Group) and not word.startswith(("/", ".")):
            command = command.get_command(context, word)
            if command is None:
                return f"there is no command {word}"
    return None


def name_of(page) -> str:
    return str(page.relative_to(pages.ROOT))


@pytest.mark.parametrize("page", pages.ALL, ids=name_of)
def test_links_of_a_page_lead_somewhere(page):
    missing = [target for target in pages.links(page) if not (page.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("page", pages.FOR_USERS, ids=name_of)
def test_commands_of_a_page_exist_with_their_options(page):
    calls = [words for words in pages.command_lines(page) if words[0] in PROGRAMS]
    wrong = [(words, text) for words in calls if (text := complaint(words))]
    assert not wrong


def test_a_wrong_command_or_option_would_be_found():
    assert complaint(["faubourg", "nodez"])
    assert complaint(["faubourg", "nodes", "--colour"])
    assert complaint(["faubourg-sim", "demo", "--fast"])
    assert complaint(["faubourg", "commands", "lost"])
    assert not complaint(["faubourg", "dim", "NODE", "30", "--for", "2h"])


def test_the_pages_name_every_command():
    named = {words[1] for page in pages.FOR_USERS for words in pages.command_lines(page)
             if words[0] == "faubourg"}
    assert set(faubourg.list_commands(None)) <= named


@pytest.mark.parametrize("page", pages.FOR_USERS, ids=name_of)
def test_make_targets_of_a_page_exist(page):
    targets = set(re.findall(r"^([a-z]+):", (pages.ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {words[1] for words in pages.command_lines(page) if words[0] == "make"}
    assert named <= targets


def test_nodes_page_has_exactly_the_settings_that_there_are():
    settings = Settings(server_uri="coap://localhost")
    keys = set(Settings._fields) - {"furniture"}
    for furniture in FURNITURES:
        keys |= set(settings.furniture_values(furniture))
    page = NODES.read_text()
    section = page[page.index("## Settings"):page.index("## What a node does when")]
    first_cells = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    assert set(re.findall(r"`(\w+)`", " ".join(first_cells))) == keys


@pytest.mark.parametrize("page", pages.FOR_USERS, ids=name_of)
def test_settings_and_scenarios_of_a_page_are_valid(page):
    least = '[gateway]\nid = "x"\ndata = "x"\n'
    for text in pages.blocks(page, "toml"):
        if "[scenario]" in text:
            scenario.parse(text, str(page))
            continue
        text = text if "[gateway]" in text else least + text
        gateway_settings.parse(text, pages.ROOT)


def test_examples_of_the_integration_page_are_json_and_python():
    for block in pages.blocks(INTEGRATION, "json"):
        for text in re.split(r"\n(?=\{)", block.strip()):
            json.loads(text)
    programs = pages.blocks(INTEGRATION, "python")
    assert programs
    for program in programs:
        ast.parse(program)
