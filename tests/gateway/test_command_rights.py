"""What the city's commands may do, by kind, resource and node."""

import pytest

from gateway.command_rights import SECURITY_OBJECTS, CommandRights, parse_pattern
from gateway.commands import OPERATIONS, CommandForbidden, Request
from gateway.settings_doors import UplinkCommands

LAMP = "urn:dev:mac:020000fffe000101"


def is_allowed(operation, path=None, endpoint=LAMP, **settings):
    commands = UplinkCommands(**settings)
    rights = CommandRights(commands.allow, commands.paths, commands.nodes)
    try:
        rights.check(Request("c", endpoint, operation, path=path))
    except CommandForbidden:
        return False
    return True


@pytest.mark.parametrize("path", ["/3416/0/1", "/3452/1/2", "/3303/0/5605", "/3431/2/5/1"])
def test_city_may_command_the_furniture_where_the_settings_say_nothing(path):
    assert is_allowed("dim") and is_allowed("resume")
    assert is_allowed("write", path) and is_allowed("execute", path)


@pytest.mark.parametrize("path", ["/3/0/4", "/5/0/2", "/1/0/1", "/4/0/0", "/3410/0/7", "/3415/0/0",
                                  "/42800/0/0", "/10/0/0", "/3199/0/0", "/4000/0/0"])
def test_what_is_no_furniture_has_to_be_named_first(path):
    assert not is_allowed("write", path) and not is_allowed("execute", path)
    assert is_allowed("execute", path, paths=(path,))
    assert is_allowed("write", path, paths=("/" + path.split("/")[1],))


@pytest.mark.parametrize("number", SECURITY_OBJECTS)
@pytest.mark.parametrize("form", ["/{}", "/{}/0/0", "/{}/*/1", "/0-{}", "/{}-65535"])
def test_no_settings_can_give_the_city_keys_or_security_objects(number, form):
    with pytest.raises(ValueError, match="no city's business"):
        parse_pattern(form.format(number))
    assert not is_allowed("write", f"/{number}/0/0")


def test_kind_that_is_not_allowed_is_refused():
    for kind in OPERATIONS:
        others = tuple(each for each in OPERATIONS if each != kind)
        assert not is_allowed(kind, "/3416/0/1", allow=others)
        assert is_allowed(kind, "/3416/0/1", allow=(kind,))


def test_kind_that_does_not_exist_is_left_to_whoever_makes_the_command():
    assert is_allowed("explode", allow=("dim",))


def test_nodes_are_chosen_by_patterns_of_their_names():
    assert is_allowed("dim", nodes=("urn:dev:mac:02*",))
    assert is_allowed("dim", nodes=("other", LAMP))
    assert not is_allowed("dim", nodes=("urn:dev:mac:03*", LAMP[:-1], LAMP.upper()))
    assert not is_allowed("dim", nodes=())


def test_a_pattern_means_all_that_is_below_it_and_nothing_beside_it():
    assert is_allowed("write", "/3416/1/1", paths=("/3416/*/1",))
    assert is_allowed("write", "/3416/1/1/7", paths=("/3416/*/1",))
    assert not is_allowed("write", "/3416/1/10", paths=("/3416/*/1",))
    assert not is_allowed("write", "/3416/1/1", paths=("/3416/0", "/341"))


@pytest.mark.parametrize("written", ["", "/", "*", "/*", "/*/0/4", "3416", "/3416/", "/1-3999",
                                     "/3999-3200", "/3416/0-1", "/3416/0/1/2/3", "/-1", "/٣"])
def test_pattern_that_is_none_is_refused(written):
    with pytest.raises(ValueError):
        parse_pattern(written)


@pytest.mark.parametrize("path", [None, 7, "", "/x", "3416/0/1 ", "/70000/0/0"])
def test_what_is_no_path_is_left_to_whoever_makes_the_command(path):
    assert is_allowed("write", path)
