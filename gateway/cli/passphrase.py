"""Passphrases of exports and backups: from a private file, or typed; never an argument."""

import sys

import click

from gateway import private_file
from gateway.private_file import NotPrivate
from gateway.sealed_file import PASSPHRASE_LENGTH_MIN

passphrase_option = click.option(
    "--passphrase-file", type=click.Path(),
    help="A file, mode 0600, whose first line is the passphrase. Without it you are asked.")


def new_passphrase(file: str | None) -> str:
    """Return the passphrase for a new file: at least 12 characters, typed twice."""
    found = _read(file) if file else _asked("Passphrase", is_new=True)
    if len(found) < PASSPHRASE_LENGTH_MIN:
        raise click.UsageError(
            f"the passphrase is too short: at least {PASSPHRASE_LENGTH_MIN} characters, such as "
            "five random words")
    return found


def known_passphrase(file: str | None) -> str:
    """Return the passphrase of a file that is there."""
    return _read(file) if file else _asked("Passphrase", is_new=False)


def _read(file: str) -> str:
    try:
        content = private_file.read(file).decode()
    except NotPrivate as error:
        raise click.UsageError(f"--passphrase-file: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise click.UsageError(f"--passphrase-file {file}: {reason}") from None
    return (content.splitlines() or [""])[0]


def _asked(prompt: str, is_new: bool) -> str:
    if not sys.stdin.isatty():
        raise click.UsageError("nobody is there to be asked: name a --passphrase-file")
    return click.prompt(prompt, hide_input=True, confirmation_prompt=is_new, err=True)
