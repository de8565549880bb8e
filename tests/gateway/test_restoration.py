"""A gateway backed up while it runs or stands, and another one put in its place."""

import asyncio
import json
import os
import stat

import pytest
from click.testing import CliRunner

from gateway import api, private_file, sealed_file, store_restore, vault
from gateway.cli import main
from gateway.rows import ContextState, Numbers, StoredContext
from gateway.vault import Vault, VaultError
from tests.gateway import open_store
from tests.gateway.coap_street import run
from tests.gateway.service_street import client, running
from tests.gateway.uplink_rows import TIME_MS, row

PASSPHRASE = "correct horse battery staple"
SETTINGS = '[gateway]\nid = "quai"\ndata = "data"\nsecurity = "none"\ntime = "system"\n'
OLD, OWN = Vault(bytes(32)), Vault(bytes(range(32)))
SECRET = b"sixteen secret b"


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    monkeypatch.setattr(sealed_file, "SCRYPT_LOG_N", 10)


@pytest.fixture
def passphrase(tmp_path):
    path = tmp_path / "passphrase"
    private_file.write_new(path, PASSPHRASE.encode() + b"\n")
    return str(path)


def faubourg(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def of_settings(folder, text=SETTINGS):
    folder.mkdir(exist_ok=True)
    (folder / "gateway.toml").write_text(text)
    return folder / "gateway.toml"


def fill(folder, sequences=(1, 2)):
    """A store with readings, as a gateway that stopped left it."""
    async def scenario(store):
        await store.commit_pack([row(number) for number in sequences], urgent=True)

    (folder / "data").mkdir(mode=0o700)
    open_store.run(folder / "data" / "faubourg.db", scenario)


def sequences(folder):
    async def scenario(store):
        return sorted(each.row.sequence for each in await store.readings("lamp", 100))

    return open_store.run(folder / "data" / "faubourg.db", scenario)


@pytest.fixture
def backed_up(tmp_path, passphrase):
    """The backup of a gateway that stands; its settings are `old/gateway.toml`."""
    config = of_settings(tmp_path / "old")
    fill(tmp_path / "old")
    done = faubourg("--config", config, "backup", tmp_path / "b", "--passphrase-file", passphrase)
    assert done.exit_code == 0, done.output
    return tmp_path / "b"


def test_stopped_gateway_is_backed_up_and_restored_with_its_settings(
        tmp_path, backed_up, passphrase):
    config = tmp_path / "new" / "gateway.toml"
    config.parent.mkdir()
    done = faubourg("restore", backed_up, "--config", config, "--passphrase-file", passphrase)
    assert done.exit_code == 0, done.output
    assert config.read_text() == SETTINGS
    assert sequences(tmp_path / "new") == [1, 2]
    assert "gateway quai as it was on" in done.stdout


def test_backup_leaves_nothing_behind_and_only_its_owner_can_read_it(tmp_path, backed_up):
    assert stat.S_IMODE(backed_up.stat().st_mode) == 0o600
    names = {each.name for each in (tmp_path / "old" / "data").iterdir()}
    assert names <= {"faubourg.db", "faubourg.db-mark", "faubourg.db-wal", "faubourg.db-shm",
                     "faubourg.lock"}


def test_running_gateway_is_backed_up_through_its_socket(tmp_path, passphrase):
    async def scenario():
        socket = str(tmp_path / "s")
        async with running(tmp_path) as (gateway, port), client(port) as node, \
                api.serving(gateway, socket, ""):
            await node.register("lamp")
            config = of_settings(tmp_path / "old")
            gateway.settings_path = str(config)
            return await asyncio.to_thread(
                faubourg, "--socket", socket, "backup", tmp_path / "b", "--passphrase-file",
                passphrase, "--json")

    done = run(scenario())
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["is_running"]
    config = of_settings(tmp_path / "new")
    done = faubourg("restore", tmp_path / "b", "--config", config, "--passphrase-file", passphrase)
    assert done.exit_code == 0, done.output

    async def nodes(store):
        return [(each.endpoint, each.registration_id) for each in await store.nodes()]

    found = open_store.run(tmp_path / "new" / "data" / "faubourg.db", nodes)
    assert found == [("lamp", None)]


def test_folder_that_is_not_empty_is_left_alone(tmp_path, backed_up, passphrase):
    config = of_settings(tmp_path / "new")
    fill(tmp_path / "new", [7])
    done = faubourg("restore", backed_up, "--config", config, "--passphrase-file", passphrase)
    assert done.exit_code == 1 and "is not empty (faubourg.db" in done.stderr
    assert sequences(tmp_path / "new") == [7]


def test_forced_restoration_sets_the_store_there_aside(tmp_path, backed_up, passphrase):
    config = of_settings(tmp_path / "new")
    fill(tmp_path / "new", [7])
    done = faubourg("restore", backed_up, "--config", config, "--force", "--passphrase-file",
                    passphrase)
    assert done.exit_code == 0, done.output
    assert sequences(tmp_path / "new") == [1, 2]
    aside, = (tmp_path / "new" / "data").glob("faubourg.db.replaced-*Z")

    async def scenario(store):
        return [each.row.sequence for each in await store.readings("lamp", 9)]

    assert open_store.run(aside, scenario) == [7]


@pytest.mark.parametrize("damage", ["cut", "turned", "passphrase", "kind"])
def test_refused_backup_changes_nothing(tmp_path, backed_up, passphrase, damage):
    whole = backed_up.read_bytes()
    changed = {"cut": whole[:-100], "passphrase": whole, "kind": whole[:9] + b"\x01" + whole[10:],
               "turned": whole[:9000] + bytes([whole[9000] ^ 1]) + whole[9001:]}[damage]
    backed_up.write_bytes(changed)
    if damage == "passphrase":
        (tmp_path / "passphrase").write_text("another passphrase")
    config = of_settings(tmp_path / "new")
    done = faubourg("restore", backed_up, "--config", config, "--passphrase-file", passphrase)
    assert done.exit_code == 1 and str(backed_up) in done.stderr
    data = tmp_path / "new" / "data"
    assert not data.exists() or [each.name for each in data.iterdir()] == ["faubourg.lock"]


def test_gateway_that_runs_is_not_restored_over(tmp_path, backed_up, passphrase):
    from gateway.composition import locked

    config = of_settings(tmp_path / "new")
    with locked(str(tmp_path / "new" / "data")):
        done = faubourg("restore", backed_up, "--config", config, "--passphrase-file", passphrase)
    assert done.exit_code == 1 and "another gateway runs with it" in done.stderr


def test_restored_gateway_is_told_which_files_it_lacks(tmp_path, passphrase):
    uplink = '[uplink.city]\ntype = "mqtt"\nurl = "mqtt://h"\nusername = "u"\n' \
             'password_file = "broker.password"\n'
    config = of_settings(tmp_path / "old", SETTINGS + uplink)
    fill(tmp_path / "old")
    assert not faubourg("--config", config, "backup", tmp_path / "b", "--passphrase-file",
                        passphrase).exit_code
    (tmp_path / "new").mkdir()
    done = faubourg("restore", tmp_path / "b", "--config", tmp_path / "new" / "gateway.toml",
                    "--passphrase-file", passphrase)
    assert done.exit_code == 0 and "broker.password: cannot be read" in done.stdout


@pytest.mark.parametrize("written, words", [("short", "too short: at least 12"),
                                            ("", "too short"), ("\nsecond line", "too short")])
def test_weak_passphrase_is_refused_without_showing_it(tmp_path, written, words):
    private_file.write_new(tmp_path / "weak", written.encode())
    config = of_settings(tmp_path / "old")
    fill(tmp_path / "old")
    done = faubourg("--config", config, "backup", tmp_path / "b", "--passphrase-file",
                    tmp_path / "weak")
    assert done.exit_code == 2 and words in done.stderr
    assert not (tmp_path / "b").exists()


def test_passphrase_file_that_others_can_read_is_refused(tmp_path, backed_up, passphrase):
    os.chmod(passphrase, 0o644)
    done = faubourg("restore", backed_up, "--config", tmp_path / "g", "--passphrase-file",
                    passphrase)
    assert done.exit_code == 2 and "chmod 600" in done.stderr


# Contexts

LABEL = b"\x00\x00\x00\x02"


def with_contexts(folder, states):
    async def scenario(store):
        await store.change_contexts([
            StoredContext(number, LABEL, None, f"node{number}", state, OLD.seal(SECRET, LABEL),
                          TIME_MS, Numbers(128, (40, 3), True, TIME_MS))
            for number, state in enumerate(states, 1)])

    open_store.run(folder / "store.db", scenario)
    return str(folder / "store.db")


def contexts(path):
    async def scenario(store):
        return await store.contexts()

    return open_store.run(path, scenario)


def test_restored_contexts_only_receive_and_nothing_of_their_numbers_is_believed(tmp_path):
    path = with_contexts(tmp_path, list(ContextState))
    count = store_restore.restore(
        path, TIME_MS, lambda connection: store_restore.reseal(connection, OLD, OWN))
    found = contexts(path)
    assert count == 3
    assert [each.state for each in found] == ["restored"] * 3 + ["revoked"]
    assert {(each.numbers.window, each.numbers.is_settled) for each in found} == {(None, False)}


def test_restored_contexts_are_sealed_under_the_new_gateways_key_alone(tmp_path):
    path = with_contexts(tmp_path, [ContextState.CURRENT])
    store_restore.restore(
        path, TIME_MS, lambda connection: store_restore.reseal(connection, OLD, OWN))
    sealed, = (each.sealed for each in contexts(path))
    assert OWN.open(sealed, LABEL) == SECRET
    with pytest.raises(VaultError):
        OLD.open(sealed, LABEL)


def test_backup_with_another_key_than_its_contexts_is_refused(tmp_path):
    path = with_contexts(tmp_path, [ContextState.CURRENT])
    with pytest.raises(VaultError):
        store_restore.restore(
            path, TIME_MS, lambda connection: store_restore.reseal(connection, OWN, OLD))
    assert [each.state for each in contexts(path)] == ["current"]


def test_backup_has_the_key_and_the_new_gateway_makes_its_own(tmp_path, passphrase):
    config = of_settings(tmp_path / "old")
    fill(tmp_path / "old")
    key = tmp_path / "old" / "data" / "keys.key"
    old = vault.load(key, may_make=True, environment={})

    async def scenario(store):
        await store.change_contexts([StoredContext(
            1, LABEL, None, "node", ContextState.CURRENT, old.seal(SECRET, LABEL), TIME_MS)])

    open_store.run(tmp_path / "old" / "data" / "faubourg.db", scenario)
    faubourg("--config", config, "backup", tmp_path / "b", "--passphrase-file", passphrase)
    config = of_settings(tmp_path / "new")
    done = faubourg("restore", tmp_path / "b", "--config", config, "--passphrase-file",
                    passphrase, "--json")
    assert json.loads(done.stdout)["nodes"] == 1
    new = tmp_path / "new" / "data"
    assert (new / "keys.key").read_bytes() != key.read_bytes()
    sealed, = (each.sealed for each in contexts(new / "faubourg.db"))
    assert vault.load(new / "keys.key", may_make=False, environment={}).open(
        sealed, LABEL) == SECRET


def with_key_elsewhere(tmp_path, folder):
    """A gateway with a context whose key systemd hands over: its settings, and the key's file."""
    config = of_settings(tmp_path / folder, SETTINGS.replace('"none"', '"oscore"'))
    key = tmp_path / f"{folder}.key"
    return config, key, vault.load(key, may_make=True, environment={})


def test_key_that_systemd_hands_over_is_named_at_backup_and_restoration(tmp_path, passphrase):
    config, key, old = with_key_elsewhere(tmp_path, "old")
    fill(tmp_path / "old")

    async def scenario(store):
        await store.change_contexts([StoredContext(
            1, LABEL, None, "node", ContextState.CURRENT, old.seal(SECRET, LABEL), TIME_MS)])

    open_store.run(tmp_path / "old" / "data" / "faubourg.db", scenario)
    words = ("--config", config, "backup", tmp_path / "b", "--passphrase-file", passphrase)
    assert "keys.key is not there" in faubourg(*words).stderr
    assert faubourg(*words, "--key-file", key).exit_code == 0
    config, key, own = with_key_elsewhere(tmp_path, "new")
    done = faubourg("restore", tmp_path / "b", "--config", config, "--passphrase-file",
                    passphrase, "--key-file", key)
    assert done.exit_code == 0, done.output
    data = tmp_path / "new" / "data"
    assert not (data / "keys.key").exists()
    sealed, = (each.sealed for each in contexts(data / "faubourg.db"))
    assert own.open(sealed, LABEL) == SECRET


def test_contexts_whose_key_is_not_in_the_backup_are_forgotten(tmp_path):
    path = with_contexts(tmp_path, [ContextState.CURRENT])
    assert store_restore.restore(path, TIME_MS, store_restore.drop_contexts) == 0
    assert not contexts(path)
