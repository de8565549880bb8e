"""A whole gateway in one file under a passphrase, and a new gateway out of it."""

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from gateway import private_file, restoration, sealed_file
from gateway.backup import MADE_HEADER
from gateway.cli.connection import ApiError, api_client, settings_path
from gateway.cli.passphrase import known_passphrase, new_passphrase, passphrase_option
from gateway.cli.screen import json_option, local_time, print_json
from gateway.composition import StartError
from gateway.restoration import Restored, RestoreError
from gateway.sealed_file import BACKUP, SealedFileError, SealedReader
from gateway.settings import SettingsError
from gateway.store_database import StoreError
from gateway.vault import VaultError

key_file_option = click.option(
    "--key-file", type=click.Path(exists=True, dir_okay=False),
    help="Where the gateway's key is, if systemd hands it over and this command does not get it.")
REFUSALS = (RestoreError, SealedFileError, StartError, StoreError, VaultError)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False))
@key_file_option
@passphrase_option
@json_option
def backup(
    file: str, key_file: str | None, passphrase_file: str | None, as_json: bool
) -> None:
    """Write settings, store and keys of the gateway into one file under a passphrase.

    The gateway goes on working meanwhile; one that does not run is backed up too. Without the
    passphrase the file is worthless, to you as well. Make one after each change of keys.

    \b
    faubourg backup /media/usb/quai-monge.backup
    faubourg backup today.backup --passphrase-file /etc/faubourg/backup.passphrase
    """
    _check_place(file)
    passphrase = new_passphrase(passphrase_file)
    try:
        with _pieces(key_file) as (pieces, made_ms):
            size = _write(file, pieces, passphrase)
    except FileExistsError:
        raise click.UsageError(f"{file} is there already; no backup is replaced") from None
    except SettingsError as error:
        raise click.UsageError(str(error)) from error
    except (OSError, *REFUSALS) as error:
        raise ApiError(str(error)) from error
    is_running = made_ms is not None
    if is_running:
        _tell_kept(made_ms)
    if as_json:
        print_json({"file": file, "bytes": size, "is_running": is_running})
    else:
        click.echo(f"{file}: {size} bytes of a {'running' if is_running else 'stopped'} gateway, "
                   "under the passphrase")


def _check_place(file: str) -> None:
    """Refuse a place where no backup can be written before the gateway makes one."""
    path = Path(file)
    if os.path.lexists(path):
        raise click.UsageError(f"{file} is there already; no backup is replaced")
    if not path.parent.is_dir():
        raise click.UsageError(f"{path.parent} is no folder")


def _tell_kept(made_ms: int) -> None:
    """Let the gateway know that the backup is safe: 'faubourg keys list' counts no other."""
    try:
        api_client().post("backup", "kept", body={"made_ms": made_ms})
    except ApiError as error:
        click.echo(f"the backup is good, but 'faubourg keys list' will not know of it: {error}",
                   err=True)


@contextlib.contextmanager
def _pieces(key_file: str | None) -> Iterator[tuple[Iterable[bytes], int | None]]:
    """Give the archive, and when a running gateway made it (Unix ms); None: none runs."""
    try:
        made_ms, pieces = api_client().download("backup", body={}, header=MADE_HEADER)
    except ApiError as error:
        options = click.get_current_context().find_root().obj
        if error.status is not None or options["socket"]:
            raise
        with restoration.stopped(settings_path(), _now_ms(), key_file) as pieces:
            yield pieces, None
        return
    yield pieces, int(made_ms)


def _write(file: str, pieces: Iterable[bytes], passphrase: str) -> int:
    with private_file.new(file) as out:
        writer = sealed_file.SealedWriter(out, BACKUP, passphrase)
        for piece in pieces:
            writer.write(piece)
        writer.close()
        return out.tell()


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--config", type=click.Path(dir_okay=False),
              help="The new gateway's settings; if it is not there, the backup's go there.")
@click.option("--force", is_flag=True,
              help="Also where the data folder is not empty: a store in it is set aside.")
@key_file_option
@passphrase_option
@json_option
def restore(
    file: str, config: str | None, force: bool, key_file: str | None,
    passphrase_file: str | None, as_json: bool,
) -> None:
    """Put a backup in place of a gateway that is lost, before the new one is started.

    The new gateway needs the old one's address. Its nodes come back by themselves, each with
    fresh keys, and nobody need visit any; the old gateway cannot speak to them any more.

    \b
    faubourg restore quai-monge.backup --config /etc/faubourg/gateway.toml
    """
    path = config or settings_path()
    passphrase = known_passphrase(passphrase_file)
    try:
        with open(file, "rb") as sealed:
            reader = SealedReader(sealed, BACKUP, passphrase)
            done = restoration.restore(reader, path, force, _now_ms(), key_file)
    except SettingsError as error:
        raise click.UsageError(str(error)) from error
    except SealedFileError as error:
        raise ApiError(f"{file}: {error}") from error
    except (OSError, *REFUSALS) as error:
        raise ApiError(str(error)) from error
    if as_json:
        print_json({"gateway": done.manifest.gateway, "made_ms": done.manifest.made_ms,
                    "config": path, "data": done.data, "nodes": done.nodes,
                    "lacking": done.lacking})
    else:
        _tell(done)


def _tell(done: Restored) -> None:
    made = local_time(done.manifest.made_ms / 1000)
    click.echo(f"restored: gateway {done.manifest.gateway} as it was on {made}, in {done.data}")
    if done.has_written_settings:
        click.echo(f"its settings are in {done.settings_path}")
    if done.lacking:
        click.echo(f"before it can start: {done.lacking}")
    click.echo(
        f"Now start it at the old one's address. Nodes whose keys came along: {done.nodes}. "
        "Each gets fresh keys when it next speaks ('faubourg keys list': restored, then "
        "current). What the old one took after the backup stands in the ledger as acknowledged "
        "elsewhere. Commands that waited are unknown: they may have been done.")


def _now_ms() -> int:
    return int(time.time() * 1000)
