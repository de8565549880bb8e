"""The command line `faubourg`: one click command per word, each loaded when it is called."""

import errno
import importlib
import os
import sys

import click

from gateway.cli.connection import ApiError

# Word -> module of its command. One module is loaded per call: quick on a Raspberry Pi.
COMMAND_MODULES = {
    "run": "service",
    "check-config": "service",
    "nodes": "fleet",
    "node": "fleet",
    "status": "fleet",
    "ping": "device",
    "read": "device",
    "write": "device",
    "execute": "device",
    "discover": "device",
    "observe": "device",
    "dim": "lighting",
    "resume": "lighting",
    "buffer": "buffer",
    "commands": "queue",
    "keys": "keys",
    "backup": "backup",
    "restore": "backup",
    "audit": "audit",
    "token": "token",
    "city": "city",
}


# A full disk, a quota, a broken device; a closed pipe is click's own business.
OUTPUT_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG)


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command is named."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMAND_MODULES)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMAND_MODULES:
            return None
        module = importlib.import_module(f"gateway.cli.{COMMAND_MODULES[name]}")
        return getattr(module, name.replace("-", "_"))

    def main(self, *arguments, **options):
        """Run the program; where its output cannot be written it says so and ends with 1."""
        try:
            return super().main(*arguments, **options)
        except OSError as error:
            if error.errno not in OUTPUT_ERRORS:
                raise
            click.echo(f"faubourg: the output cannot be written: {error.strerror}", err=True)
            # What is left in the buffer would fail again when the interpreter ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)

    def invoke(self, context: click.Context):
        """Run a command; an error of the gateway or the node is told in words and ends with 1."""
        try:
            return super().invoke(context)
        except ApiError as error:
            click.echo(f"faubourg: {error}", err=True)
            context.exit(1)
        except click.NoSuchOption as error:
            if error.option_name in ("--config", "--socket"):
                error.message += (f" The place of {error.option_name} is before the command: "
                                  f"faubourg {error.option_name} ... {context.invoked_subcommand}")
                error.possibilities = None
            raise


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", type=click.Path(dir_okay=False), envvar="FAUBOURG_CONFIG",
              help="The gateway's settings; they name its socket. "
                   "Default: ./gateway.toml, then /etc/faubourg/gateway.toml.")
@click.option("--socket", type=click.Path(), envvar="FAUBOURG_SOCKET",
              help="The running gateway's Unix socket, instead of looking into the settings.")
@click.version_option(package_name="faubourg", prog_name="faubourg")
@click.pass_context
def main(context: click.Context, config: str | None, socket: str | None) -> None:
    """Faubourg: the gateway of connected street furniture, and its command line.

    \b
    faubourg run --config gateway.toml        start the gateway
    faubourg nodes                            the fleet at a glance
    faubourg read urn:dev:mac:020000fffe000101 dimming-level
    faubourg dim urn:dev:mac:020000fffe000101 30 --for 2h

    A node is named by its endpoint name, its asset number, its name, or any ending of these
    that only one node has. A resource is named by number (/3416/0/3) or by name (dimming-level).
    Exit codes: 0 done, 1 failed, 2 wrong use. Results go to stdout, messages to stderr.
    """
    context.obj = {"config": config, "socket": socket}
