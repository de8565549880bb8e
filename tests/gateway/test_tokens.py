"""Tokens: made once, kept as digests, managed at the gateway's own socket."""

import asyncio
import json
import stat

import pytest
from click.testing import CliRunner

from gateway import api
from gateway.cli import main
from gateway.doors import Role
from gateway.tokens import TOKENS_MAX, Tokens, TokensError
from tests.gateway.coap_street import run
from tests.gateway.service_street import running


def called(folder, *calls):
    """Return the results of command lines, and the audit log, oldest first."""

    async def go():
        path = str(folder / "faubourg.sock")
        async with running(folder) as (gateway, _), api.serving(gateway, path, ""):
            results = [await asyncio.to_thread(CliRunner().invoke, main, ["--socket", path, *call])
                       for call in calls]
            return results, list(reversed(await gateway.audit.rows(None, 9)))

    return run(go())


def test_token_is_printed_once_and_let_in_by_its_digest(tmp_path):
    (made, listed, again), _ = called(
        tmp_path, ("token", "add", "prometheus", "--role", "view"), ("token", "list", "--json"),
        ("token", "add", "prometheus", "--role", "admin"))
    token = made.stdout.strip()
    assert json.loads(listed.stdout) == [{"name": "prometheus", "role": "view"}]
    assert again.exit_code == 1 and "there is a token prometheus already" in again.stderr
    found = Tokens(tmp_path / "data/tokens").find(token)
    assert (found.name, found.role) == ("prometheus", Role.VIEW)


def test_token_stands_in_no_file_log_or_list(tmp_path):
    (made, listed), entries = called(
        tmp_path, ("token", "add", "a", "--role", "operate", "--json"), ("token", "list"))
    token = json.loads(made.stdout)["token"]
    assert (entries[0].action, entries[0].value, entries[0].result) == (
        "add token", "a operate", "done")
    assert token not in listed.output + repr(entries)
    for file in (tmp_path / "data").iterdir():
        assert token.encode() not in file.read_bytes(), file


def test_file_of_tokens_is_its_owners_alone(tmp_path):
    called(tmp_path, ("token", "add", "a", "--role", "view"))
    assert stat.S_IMODE((tmp_path / "data/tokens").stat().st_mode) == 0o600
    assert not list((tmp_path / "data").glob("*.part"))


def test_removed_token_is_unknown_and_its_removal_stands_in_the_log(tmp_path):
    (made, removed, listed, again), entries = called(
        tmp_path, ("token", "add", "a", "--role", "view"), ("token", "remove", "a"),
        ("token", "list"), ("token", "remove", "a"))
    assert (removed.exit_code, again.exit_code) == (0, 1)
    assert "nobody gets in" in listed.stdout
    assert Tokens(tmp_path / "data/tokens").find(made.stdout.strip()) is None
    assert [row.action for row in entries] == ["add token", "remove token"]


@pytest.mark.parametrize("text", ["a view", "a root " + "0" * 64, "a view " + "0" * 63,
                                  "a view " + "G" * 64, "a/b view " + "0" * 64, "x" * 70_000])
def test_file_that_is_none_of_tokens_is_refused(tmp_path, text):
    path = tmp_path / "tokens"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(TokensError):
        Tokens(path).find("x")


def test_comments_and_empty_lines_are_no_tokens(tmp_path):
    path = tmp_path / "tokens"
    path.write_text("# ours\n\nadmin admin " + "0" * 64 + "\n")
    path.chmod(0o600)
    assert [token.name for token in Tokens(path).all()] == ["admin"]


@pytest.mark.parametrize("name", ["", "a b", "a/b", "é", "x" * 65, "a\n"])
def test_name_that_would_break_the_file_is_refused(tmp_path, name):
    with pytest.raises(TokensError, match="a name has"):
        Tokens(tmp_path / "tokens").add(name, Role.VIEW)


def test_tokens_are_bounded(tmp_path):
    path = tmp_path / "tokens"
    path.write_text("".join(f"t{n} view {n:064x}\n" for n in range(TOKENS_MAX)))
    path.chmod(0o600)
    with pytest.raises(TokensError, match=f"{TOKENS_MAX} tokens"):
        Tokens(path).add("one-more", Role.VIEW)
