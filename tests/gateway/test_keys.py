"""Nodes' keys at the command line: made, listed, revoked, carried; and no secret anywhere."""

import asyncio
import base64
import csv
import json
import logging
import stat

import pytest
from click.testing import CliRunner

from gateway import api, exported_keys, private_file, sealed_file
from gateway.cli import main
from gateway.commands import CommandRefused, Request
from gateway.composition import StartError
from gateway.exported_keys import ExportedKeys
from gateway.sealed_file import SealedFileError
from protocol import credentials
from tests.gateway.coap_street import run
from tests.gateway.oscore_keys import credentials_of_node
from tests.gateway.service_street import running

LAMP, BIN = "urn:dev:mac:020000fffe000101", "urn:dev:mac:020000fffe000201"


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    monkeypatch.setattr(sealed_file, "SCRYPT_LOG_N", 10)


@pytest.fixture
def passphrase(tmp_path):
    private_file.write_new(tmp_path / "passphrase", b"correct horse battery staple\n")
    return tmp_path / "passphrase"


def calls(folder, *lines, prefix="0000"):
    """The results of command lines, one after the other, on one gateway; `folder` is its own."""

    async def call():
        folder.mkdir(exist_ok=True)
        text = f'[keys]\nid_prefix = "{prefix}"'
        async with running(folder, text=text, security="oscore") as (gateway, _), \
                api.serving(gateway, str(folder / "s"), ""):
            return [await asyncio.to_thread(
                CliRunner().invoke, main, ["--socket", str(folder / "s"), *map(str, line)])
                for line in lines]

    return run(call())


def call(folder, *words, **options):
    result, = calls(folder, words, **options)
    return result


def listed(folder):
    return json.loads(call(folder, "keys", "list", "--json").stdout)


def test_added_node_gets_a_file_that_only_its_owner_can_read(tmp_path):
    file = tmp_path / "lamp.keys"
    done = call(tmp_path / "g", "keys", "add", LAMP, "--out", file)
    assert done.exit_code == 0, done.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    given = credentials.decode(file.read_bytes())
    assert (given.sender_id.hex(), given.recipient_id.hex()) == ("00000000", "00000001")
    row, = listed(tmp_path / "g")
    assert (row["endpoint"], row["kid"], row["state"]) == (LAMP, "00000000", "current")


def test_every_node_gets_a_secret_and_ids_of_its_own(tmp_path):
    names = [f"node-{number}" for number in range(5)]
    calls(tmp_path / "g", *(("keys", "add", name, "--out", tmp_path / name) for name in names),
          prefix="00a7")
    given = [credentials.decode((tmp_path / name).read_bytes()) for name in names]
    assert len({each.master_secret for each in given}) == 5
    assert [each.sender_id.hex() for each in given] == [f"00a70{n:03x}" for n in (0, 2, 4, 6, 8)]


def test_many_nodes_are_added_from_a_table(tmp_path):
    with open(tmp_path / "delivery.csv", "w", newline="") as file:
        csv.writer(file).writerows([["asset", "endpoint"], ["L-1", LAMP], [], ["B-1", BIN]])
    done = call(tmp_path / "g", "keys", "add", "--csv", tmp_path / "delivery.csv", "--out",
                tmp_path / "out", "--json")
    assert [each["endpoint"] for each in json.loads(done.stdout)] == [LAMP, BIN]
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700
    files = sorted(each.name for each in (tmp_path / "out").iterdir())
    assert files == ["020000fffe000101.keys", "020000fffe000201.keys"]


@pytest.mark.parametrize("table", ["", "endpoint\n", "a\na\n", "asset,endpoint\nL-1\n"])
def test_table_without_endpoints_adds_nothing(tmp_path, table):
    (tmp_path / "t.csv").write_text(table)
    done, rows = calls(tmp_path / "g", ("keys", "add", "--csv", tmp_path / "t.csv", "--out",
                                        tmp_path / "out"), ("keys", "list", "--json"))
    assert done.exit_code == 2 and json.loads(rows.stdout) == []


def test_file_that_is_there_is_not_replaced_and_no_keys_are_made(tmp_path):
    (tmp_path / "here").write_text("precious")
    done, rows = calls(tmp_path / "g", ("keys", "add", LAMP, "--out", tmp_path / "here"),
                       ("keys", "list", "--json"))
    assert done.exit_code == 2 and "is there already" in done.stderr
    assert (tmp_path / "here").read_text() == "precious" and json.loads(rows.stdout) == []


def test_keys_whose_file_cannot_be_written_are_revoked(tmp_path):
    # As long as a name may be, so that the part beside it is too long.
    done, rows = calls(tmp_path / "g", ("keys", "add", LAMP, "--out", tmp_path / ("n" * 255)),
                       ("keys", "list", "--json"))
    assert done.exit_code == 1 and "were revoked" in done.stderr
    assert [each["state"] for each in json.loads(rows.stdout)] == ["revoked"]


def test_node_that_has_keys_gets_no_second_ones(tmp_path):
    _, done = calls(tmp_path / "g", ("keys", "add", LAMP, "--out", tmp_path / "1"),
                    ("keys", "add", LAMP, "--out", tmp_path / "2"))
    assert done.exit_code == 1 and "has keys already" in done.stderr
    assert not (tmp_path / "2").exists()


def test_revoked_node_stays_named_until_it_is_added_again(tmp_path):
    revoked, rows, again, fresh = calls(
        tmp_path / "g", ("keys", "add", LAMP, "--out", tmp_path / "1"),
        ("keys", "revoke", "0101"), ("keys", "list", "--json"),
        ("keys", "add", LAMP, "--out", tmp_path / "2"), ("keys", "list", "--json"))[1:]
    assert revoked.exit_code == 0, revoked.output
    assert [each["state"] for each in json.loads(rows.stdout)] == ["revoked"]
    assert again.exit_code == 0, again.output
    assert [each["state"] for each in json.loads(fresh.stdout)] == ["current"]
    assert (tmp_path / "1").read_bytes() != (tmp_path / "2").read_bytes()


def test_command_for_a_node_whose_keys_are_revoked_is_refused_and_does_not_wait(tmp_path):
    async def scenario():
        async with running(tmp_path, security="oscore") as (gateway, _):
            await gateway.contexts.add(LAMP, credentials_of_node(1))
            before = await gateway.submit(Request("1", LAMP, "resume"))
            await gateway.contexts.revoke(LAMP)
            with pytest.raises(CommandRefused, match="revoked"):
                await gateway.submit(Request("2", LAMP, "resume"))
            return before.state.name, len(await gateway.commands(True))

    assert run(scenario()) == ("QUEUED", 1)


def test_unknown_node_and_ambiguous_ending_are_told_in_words(tmp_path):
    unknown, both = calls(
        tmp_path / "g", ("keys", "add", LAMP, "--out", tmp_path / "1"),
        ("keys", "add", BIN, "--out", tmp_path / "2"),
        ("keys", "revoke", "9999"), ("keys", "revoke", "01"))[2:]
    assert "no node '9999' has keys here" in unknown.stderr
    assert "names 2 nodes" in both.stderr


@pytest.mark.parametrize("name", ["", " ", "a b", "a\nb", "x" * 253, "é" * 127])
def test_name_that_no_node_can_register_under_gets_no_keys(tmp_path, name):
    done = call(tmp_path / "g", "keys", "add", name, "--out", tmp_path / "1")
    assert done.exit_code in (1, 2) and not (tmp_path / "1").exists()


def test_list_says_whose_keys_are_in_no_backup(tmp_path, passphrase):
    first, _, second, _, words, _, third = calls(
        tmp_path / "g", ("keys", "add", LAMP, "--out", tmp_path / "1"),
        ("keys", "list", "--json"),
        ("backup", tmp_path / "b", "--passphrase-file", passphrase), ("keys", "list", "--json"),
        ("keys", "add", BIN, "--out", tmp_path / "2"), ("keys", "list"),
        ("keys", "revoke", BIN), ("keys", "list"))[1:]
    in_backup = [[each["in_backup"] for each in json.loads(shown.stdout)]
                 for shown in (first, second)]
    assert in_backup == [[False], [True]]
    assert "In no backup: the keys of 1 node " in words.stdout
    assert "In no backup" not in third.stdout


def test_backup_that_was_not_kept_is_none(tmp_path, passphrase):
    (tmp_path / "taken").write_bytes(b"")
    _, taken, nowhere, full, rows, words = calls(
        tmp_path / "g", ("keys", "add", LAMP, "--out", tmp_path / "1"),
        ("backup", tmp_path / "taken", "--passphrase-file", passphrase),
        ("backup", tmp_path / "none/b", "--passphrase-file", passphrase),
        ("backup", "/proc/version.backup", "--passphrase-file", passphrase),
        ("keys", "list", "--json"), ("keys", "list"))[0:]
    assert taken.exit_code == nowhere.exit_code == 2 and full.exit_code == 1
    assert "is there already" in taken.stderr and "no folder" in nowhere.stderr
    assert not json.loads(rows.stdout)[0]["in_backup"]
    assert "In no backup: the keys of 1 node " in words.stdout


def exported(tmp_path, passphrase, *nodes):
    """Two nodes with keys at gateway `a`, and an export of them."""
    lines = [("keys", "add", LAMP, "--out", tmp_path / "lamp"),
             ("keys", "add", BIN, "--out", tmp_path / "bin")]
    words = [word for name in nodes for word in ("--node", name)]
    lines.append(("keys", "export", tmp_path / "e", "--passphrase-file", passphrase, *words))
    done = calls(tmp_path / "a", *lines)[-1]
    assert done.exit_code == 0, done.output
    return tmp_path / "e"


def imported(tmp_path, passphrase, *words):
    return call(tmp_path / "b", "keys", "import", tmp_path / "e", "--passphrase-file", passphrase,
                *words, prefix="0001")


def test_exported_keys_come_in_as_restored_and_protect_nothing(tmp_path, passphrase):
    file = exported(tmp_path, passphrase)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    done = imported(tmp_path, passphrase)
    assert done.exit_code == 0 and "imported the keys of 2 nodes" in done.stdout
    found = listed(tmp_path / "b")
    assert [(each["endpoint"], each["state"]) for each in found] == [
        (LAMP, "restored"), (BIN, "restored")]
    assert [each["kid"] for each in found] == ["00000000", "00000002"]


def test_export_leaves_its_gateway_as_it_was(tmp_path, passphrase):
    exported(tmp_path, passphrase)
    assert [each["state"] for each in listed(tmp_path / "a")] == ["current", "current"]


def test_one_node_is_exported_or_imported_alone(tmp_path, passphrase):
    exported(tmp_path, passphrase, "0201")
    done = imported(tmp_path, passphrase, "--node", LAMP)
    assert done.exit_code == 1 and f"has no keys of {LAMP}" in done.stderr
    assert imported(tmp_path, passphrase, "--node", BIN).exit_code == 0
    assert [each["endpoint"] for each in listed(tmp_path / "b")] == [BIN]


def test_import_leaves_alone_what_the_gateway_knows_revoked_nodes_too(tmp_path, passphrase):
    exported(tmp_path, passphrase)
    call(tmp_path / "b", "keys", "add", LAMP, "--out", tmp_path / "own", prefix="0001")
    imported(tmp_path, passphrase)
    call(tmp_path / "b", "keys", "revoke", BIN)
    done = imported(tmp_path, passphrase, "--json")
    assert json.loads(done.stdout) == {"imported": [], "skipped": [LAMP, BIN], "taken": []}
    done = imported(tmp_path, passphrase, "--json", "--with-revoked")
    assert json.loads(done.stdout)["imported"] == [BIN]


def test_import_of_an_id_that_another_node_has_is_refused_and_says_why(tmp_path, passphrase):
    exported(tmp_path, passphrase, LAMP)
    call(tmp_path / "b", "keys", "add", "other", "--out", tmp_path / "own")
    done = imported(tmp_path, passphrase)
    assert done.exit_code == 1 and "different keys.id_prefix" in done.stdout
    assert [each["endpoint"] for each in listed(tmp_path / "b")] == ["other"]


def test_export_opens_under_its_passphrase_alone(tmp_path, passphrase):
    exported(tmp_path, passphrase)
    passphrase.write_text("another passphrase")
    done = imported(tmp_path, passphrase)
    assert done.exit_code == 1 and "passphrase is wrong" in done.stderr


def test_gateway_without_oscore_keeps_no_keys(tmp_path):
    async def scenario():
        socket = str(tmp_path / "s")
        async with (
            running(tmp_path, security="none") as (gateway, _),
            api.serving(gateway, socket, ""),
        ):
            return await asyncio.to_thread(
                CliRunner().invoke, main, ["--socket", socket, "keys", "list"])

    done = run(scenario())
    assert done.exit_code == 1 and 'gateway.security = "none"' in done.stderr


def test_gateway_with_another_key_than_its_contexts_refuses_to_start(tmp_path):
    call(tmp_path / "g", "keys", "add", LAMP, "--out", tmp_path / "1")
    key = tmp_path / "g" / "data" / "keys.key"
    own = key.read_bytes()
    key.write_bytes(b"0" * 64)
    with pytest.raises(StartError, match="another key.*put the key .*keys.key.* back"):
        listed(tmp_path / "g")
    key.write_bytes(own)
    assert [each["endpoint"] for each in listed(tmp_path / "g")] == [LAMP]


def test_gateway_whose_key_is_gone_makes_no_other_one(tmp_path):
    call(tmp_path / "g", "keys", "add", LAMP, "--out", tmp_path / "1")
    (tmp_path / "g" / "data" / "keys.key").unlink()
    with pytest.raises(StartError, match="keys.key is not there"):
        listed(tmp_path / "g")
    assert not (tmp_path / "g" / "data" / "keys.key").exists()


def test_node_that_never_listens_has_its_rotation_waiting(tmp_path):
    _, rotated, rows, again, of_all = calls(
        tmp_path / "g", ("keys", "add", LAMP, "--out", tmp_path / "1"),
        ("keys", "rotate", "0101", "--json"), ("keys", "list", "--json"),
        ("keys", "rotate", "0101"), ("keys", "rotate", "--all", "--json"))
    assert json.loads(rotated.stdout) == {LAMP: "waiting"} and rotated.exit_code == 0
    assert [(each["state"], each["rotation"]) for each in json.loads(rows.stdout)] == [
        ("current", "waiting"), ("trial", "waiting")]
    assert again.exit_code == 1 and "is being given new keys already" in again.stderr
    assert of_all.exit_code == 1 and "refused" in json.loads(of_all.stdout)[LAMP]


def test_no_command_log_or_audit_shows_a_secret(tmp_path, passphrase, caplog):
    caplog.set_level(logging.DEBUG)
    exported(tmp_path, passphrase)
    outputs = [imported(tmp_path, passphrase, "--json").output]
    outputs += [each.output for each in calls(
        tmp_path / "a", ("keys", "list"), ("keys", "list", "--json"), ("keys", "revoke", LAMP),
        ("keys", "add", LAMP, "--out", tmp_path / "new", "--json"), ("audit", "--json"),
        ("keys", "add", BIN, "--out", tmp_path / "never"), ("status", "--json"))]
    text = "".join(outputs) + caplog.text
    assert "revoke keys" in text, "the audit log was not shown"
    secrets = [credentials.decode((tmp_path / name).read_bytes()) for name in ("lamp", "new")]
    for secret in [part for each in secrets for part in (each.master_secret, each.master_salt)]:
        assert secret.hex() not in text and repr(secret)[2:-1] not in text
        # Whatever stands before it, and whole quanta of it only.
        for before in (b"", b"-", b"--"):
            encoded = base64.b64encode(before + secret).decode()
            assert encoded[4 * bool(before):-4] not in text


def test_damaged_export_is_refused_line_by_line_without_showing_it():
    whole = exported_keys.encode([ExportedKeys(LAMP, credentials_of_node(1))])
    assert list(exported_keys.decode(whole))[0].endpoint == LAMP
    for damaged in (b"{", b"[]", b'{"endpoint": "a"}', whole[:-8] + b'"}', b'"\xff"',
                    whole.replace(b"urn", b"u n"), whole.replace(b'"credentials": "', b"\\0")):
        with pytest.raises(SealedFileError, match="line 1") as caught:
            list(exported_keys.decode(damaged))
        assert credentials_of_node(1).master_secret.hex() not in str(caught.value)
