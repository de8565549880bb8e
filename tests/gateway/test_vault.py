"""The nodes' keys at rest: sealed, labelled, under a key that only the gateway can read."""

import os
import stat
from random import Random

import pytest

from gateway import private_file, vault
from gateway.private_file import NotPrivate
from gateway.vault import Vault, VaultError

KEY = bytes(range(32))
SECRET, LABEL = b"sixteen bytes of", b"\x00\x00\x00\x02"


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_what_was_sealed_is_opened_under_the_same_key_and_label():
    assert Vault(KEY).open(Vault(KEY).seal(SECRET, LABEL), LABEL) == SECRET


def test_sealed_bytes_hold_nothing_of_the_secret_and_never_repeat():
    sealed = {Vault(KEY).seal(SECRET, LABEL) for _ in range(100)}
    assert len(sealed) == 100
    assert not any(SECRET[:4] in each for each in sealed)


def test_key_and_nonces_are_of_the_random_bytes_that_are_given(tmp_path):
    def sealed(folder, seed):
        folder.mkdir()
        random_bytes = Random(seed).randbytes
        made = vault.load(folder / "k", may_make=True, environment={}, random_bytes=random_bytes)
        return [made.seal(SECRET, LABEL) for _ in range(2)]

    first = sealed(tmp_path / "a", 1)
    assert first == sealed(tmp_path / "b", 1) != sealed(tmp_path / "c", 2)
    assert first[0] != first[1]


@pytest.mark.parametrize(
    "key, label", [(bytes(32), LABEL), (KEY, b"\x00\x00\x00\x04"), (KEY, b"")])
def test_another_key_or_label_opens_nothing(key, label):
    sealed = Vault(KEY).seal(SECRET, LABEL)
    with pytest.raises(VaultError):
        Vault(key).open(sealed, label)


def test_every_changed_bit_and_every_cut_is_noticed():
    sealed = Vault(KEY).seal(SECRET, LABEL)
    changed = [sealed[:place] + bytes([sealed[place] ^ bit]) + sealed[place + 1:]
               for place in range(len(sealed)) for bit in (1, 128)]
    for damaged in changed + [sealed[:length] for length in range(len(sealed))]:
        with pytest.raises(VaultError):
            Vault(KEY).open(damaged, LABEL)


def test_first_start_makes_a_key_file_that_only_its_owner_can_read(tmp_path):
    path = tmp_path / "keys.key"
    before = os.umask(0)
    try:
        sealed = vault.load(path, may_make=True, environment={}).seal(SECRET, LABEL)
    finally:
        os.umask(before)
    assert mode_of(path) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["keys.key"]
    assert vault.load(path, may_make=True, environment={}).open(sealed, LABEL) == SECRET


def test_missing_key_file_is_not_made_anew_where_something_is_sealed(tmp_path):
    with pytest.raises(VaultError, match="keys.key is not there.* Put it back"):
        vault.load(tmp_path / "keys.key", may_make=False, environment={})
    assert not list(tmp_path.iterdir())


def test_key_file_that_others_can_read_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "keys.key"
    vault.load(path, may_make=True, environment={})
    for mode in (0o640, 0o604, 0o620, 0o602):
        path.chmod(mode)
        with pytest.raises(VaultError, match=f"mode 0{mode:o}.*chmod 600 {path}"):
            vault.load(path, may_make=True, environment={})


@pytest.mark.parametrize("content", [b"", KEY, KEY.hex().encode()[:-1], b"z" * 64, "é".encode()])
def test_file_that_holds_no_key_is_refused_without_showing_it(tmp_path, content):
    path = tmp_path / "keys.key"
    private_file.write_new(path, content)
    with pytest.raises(VaultError, match="holds no key") as caught:
        vault.load(path, may_make=True, environment={})
    assert KEY.hex()[:8] not in str(caught.value)


def test_systemd_credential_goes_before_the_key_file(tmp_path):
    (tmp_path / "faubourg-keys").write_text(KEY.hex())
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    found = vault.load(tmp_path / "keys.key", may_make=True, environment=environment)
    assert found.open(Vault(KEY).seal(SECRET, LABEL), LABEL) == SECRET
    assert not (tmp_path / "keys.key").exists()


def test_key_file_counts_where_systemd_hands_over_other_credentials_only(tmp_path):
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    vault.load(tmp_path / "keys.key", may_make=True, environment=environment)
    assert (tmp_path / "keys.key").exists()


def test_private_file_never_takes_the_place_of_another(tmp_path):
    path = tmp_path / "node.keys"
    path.write_text("here before")
    with pytest.raises(FileExistsError):
        private_file.write_new(path, b"new")
    assert path.read_text() == "here before"
    assert [each.name for each in tmp_path.iterdir()] == ["node.keys"]


def test_private_file_that_is_a_link_to_an_open_one_is_refused(tmp_path):
    (tmp_path / "open").write_text("x")
    (tmp_path / "open").chmod(0o644)
    (tmp_path / "link").symlink_to("open")
    with pytest.raises(NotPrivate):
        private_file.read(tmp_path / "link")
