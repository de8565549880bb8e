"""A backup put into a folder, so that a gateway can start on it; and one made of a folder."""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO

from gateway import backup, private_file, settings_check, store_copy, store_restore, vault
from gateway import settings as gateway_settings
from gateway.backup import Contents, Manifest
from gateway.composition import LOCK, locked
from gateway.settings import Settings, SettingsError
from gateway.store_database import open_reader
from gateway.vault import Vault

RESTORING, REPLACED, COPY = ".restoring", ".replaced-", ".backup"
# A store's file and what belongs to it.
_SUFFIXES = ("-wal", "-shm", "-journal", "-mark", "")


class RestoreError(Exception):
    """The backup cannot be put where it is wanted; nothing that was there has changed."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored where: the keys of so many `nodes`; `lacking` says which files are not."""

    manifest: Manifest
    settings_path: str
    has_written_settings: bool
    data: str
    nodes: int
    lacking: str | None


def contents(
    settings: Settings, settings_text: bytes, now_ms: int, key_file: str | None = None
) -> Contents:
    """Return what goes into a backup beside the store; raises VaultError.

    `key_file` is where the key is, if neither the settings nor systemd say so.
    """
    manifest = Manifest(settings.gateway.id, version("faubourg"), now_ms)
    # Without OSCORE a gateway has never made one.
    is_without = settings.gateway.security == "none" and not key_file
    if is_without and not os.path.exists(settings.keys.key_file):
        return Contents(manifest, settings_text, b"")
    key = vault.load_key(key_file or settings.keys.key_file, may_make=False,
                         environment={} if key_file else os.environ)
    return Contents(manifest, settings_text, key)


@contextlib.contextmanager
def stopped(
    settings_path: str, now_ms: int, key_file: str | None = None
) -> Iterator[Iterator[bytes]]:
    """Give the archive of a gateway that does not run; `key_file` as for `contents`.

    Raises SettingsError, StartError if it does run, StoreError, VaultError.
    """
    settings = gateway_settings.load(settings_path)
    store = Path(settings.gateway.data) / backup.STORE
    if not store.exists():
        raise RestoreError(f"{store} is not there: a gateway never ran with {settings_path}")
    copy = store.with_name(store.name + COPY)
    with locked(settings.gateway.data):
        try:
            with contextlib.closing(open_reader(str(store), None)) as connection:
                store_copy.copy(connection, str(copy))
            text = Path(settings_path).read_bytes()
            found = contents(settings, text, now_ms, key_file)
            yield backup.archive(found, copy)
        finally:
            copy.unlink(missing_ok=True)


def restore(
    file: BinaryIO, settings_path: str, is_forced: bool, now_ms: int, key_file: str | None = None
) -> Restored:
    """Put the backup that `file` reads into the data folder of the settings at `settings_path`.

    The nodes' keys are sealed under the key in `key_file`, else under that of the settings.
    Settings that are not there are taken from the backup. The folder must be empty but for a key
    file; if `is_forced`, a store in it is set aside. Raises RestoreError, SealedFileError,
    SettingsError, StartError, StoreError, VaultError.
    """
    with contextlib.ExitStack() as held:
        target = _Target(Path(settings_path), is_forced, held)
        found = backup.extract(file, target.prepare)
        count = store_restore.restore(
            str(target.staged), now_ms, _resealing(found.key, target.settings, key_file))
        target.finish(found.settings, now_ms)
    return Restored(found.manifest, settings_path, target.is_new, target.settings.gateway.data,
                    count, _lacking(target.settings))


class _Target:
    """Where a backup goes: its settings once they are known, and the files that are made."""

    def __init__(self, path: Path, is_forced: bool, held: contextlib.ExitStack) -> None:
        self._path = path
        self._is_forced = is_forced
        self._held = held
        self.is_new = not path.exists()

    def prepare(self, found: Contents) -> Path:
        """Take the data folder, and return where the store may be written."""
        if self.is_new:
            if not found.settings:
                raise RestoreError(f"the backup has no settings: write {self._path} first")
            text = found.settings.decode("utf-8", "replace")
            folder = self._path.absolute().parent
            self.settings = gateway_settings.parse(text, folder, "the backup's settings")
        else:
            self.settings = gateway_settings.load(self._path)
        folder = Path(self.settings.gateway.data)
        self._held.enter_context(locked(str(folder)))
        self._check(folder)
        self.staged = folder / (backup.STORE + RESTORING)
        self._held.callback(self._clean)
        return self.staged

    def _check(self, folder: Path) -> None:
        mine = (LOCK, Path(self.settings.keys.key_file).name)
        others = sorted(each.name for each in folder.iterdir()
                        if each.name not in mine and RESTORING not in each.name)
        if others and not self._is_forced:
            raise RestoreError(f"{folder} is not empty ({', '.join(others[:3])}): name settings "
                               "with another data folder, or set its store aside with --force")

    def finish(self, settings: bytes, now_ms: int) -> None:
        """Put the prepared store in its place, durably; then the settings."""
        folder = self.staged.parent
        date = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
        for suffix in _SUFFIXES:
            old = folder / (backup.STORE + suffix)
            if old.exists():
                os.rename(old, f"{folder / backup.STORE}{REPLACED}{date}{suffix}")
        self._give_to_owner(folder)
        os.replace(self.staged, folder / backup.STORE)
        private_file.sync_folder(folder)
        if self.is_new:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_bytes(settings)

    def _give_to_owner(self, folder: Path) -> None:
        # Restored with sudo, and run by another account.
        owner = folder.stat()
        for path in (self.staged, Path(self.settings.keys.key_file)):
            if os.geteuid() == 0 and path.exists() and path.parent == folder:
                os.chown(path, owner.st_uid, owner.st_gid)

    def _clean(self) -> None:
        for suffix in _SUFFIXES:
            Path(f"{self.staged}{suffix}").unlink(missing_ok=True)


def _resealing(key: bytes, settings: Settings, key_file: str | None) -> Callable[..., int]:
    """Return what turns every context into one that only receives, under this gateway's key."""
    def reseal(connection) -> int:
        if not key:
            return store_restore.drop_contexts(connection)
        own = vault.load(key_file or settings.keys.key_file, may_make=not key_file,
                         environment={} if key_file else os.environ)
        return store_restore.reseal(connection, Vault(key), own)

    return reseal


def _lacking(settings: Settings) -> str | None:
    """Return which file that the settings name is not there, or what else is in the way."""
    try:
        settings_check.check(settings)
    except SettingsError as error:
        return str(error)
    return None
