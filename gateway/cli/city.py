"""The reference consumer as a command: readings from MQTT into SQLite."""

import asyncio
import signal
import sys
from collections import Counter
from functools import partial
from random import SystemRandom

import click

from gateway.cli.screen import json_option, print_json

SHOWN = ("messages", "readings", "duplicates", "refused")
COUNTED = (*SHOWN, "commits", "connections")


@click.command()
@click.option("--mqtt", "url", default="mqtt://127.0.0.1:1883", show_default=True,
              help='The broker: "mqtt://host[:port]" or, with TLS, "mqtts://host[:port]".')
@click.option("--into", default="sqlite:city.db", show_default=True,
              help='Where the rows go: "sqlite:FILE".')
@click.option("--gateway", help="Take the readings of this gateway only; default: of all.")
@click.option("--client-id", default="faubourg-city", show_default=True,
              help="The broker keeps messages under this name while the consumer is away.")
@click.option("--session-expiry-s", default=604_800, show_default=True,
              help="How long it keeps them, in seconds.")
@click.option("--username", default="", help="The account at the broker.")
@click.option("--password-file", default="", help="A file whose first line is its password.")
@click.option("--ca", default="", help="The authorities to trust (PEM), instead of the machine's.")
@json_option
def city(into: str, gateway: str | None, ca: str, as_json: bool, **broker) -> None:
    """Take readings from a broker into SQLite: each once, acknowledged after its commit.

    Runs until SIGTERM or Ctrl-C. It acknowledges to the broker and, for gateways with
    'ack = "application"', to the gateway. Read the file with any SQLite tool meanwhile.

    \b
    faubourg city --mqtt mqtt://127.0.0.1:1883 --into sqlite:city.db
    faubourg city --mqtt mqtts://broker.example.org --username city --password-file city.password
    sqlite3 city.db 'SELECT endpoint, path, value FROM readings ORDER BY arrival DESC LIMIT 9'
    """
    from gateway.city import TableError
    from gateway.settings import SettingsError, mqtt

    kind, _, path = into.partition(":")
    if kind != "sqlite" or not path:
        raise click.UsageError(f'--into {into}: this release writes SQLite only; allowed is '
                               f'"sqlite:FILE". For other databases copy gateway/city*.py.')
    try:
        table = {key: value for key, value in broker.items() if value != ""}
        settings = mqtt({**table, **({"tls": {"ca": ca}} if ca else {})}, "mqtt")
    except SettingsError as error:
        raise click.UsageError(str(error)) from error
    try:
        counters = asyncio.run(_run(settings, path, gateway))
    except (TableError, OSError) as error:
        click.echo(f"faubourg: {path} cannot be used: {error}", err=True)
        click.get_current_context().exit(1)
    if sys.stderr.isatty():
        click.echo(err=True)
    if as_json:
        print_json({name: counters[name] for name in COUNTED})
    else:
        click.echo(_line(counters))


async def _run(settings, path: str, gateway: str | None) -> Counter[str]:
    from gateway.city import City
    from gateway.city_rows import Rows

    table, show = partial(Rows, path), _Screen().show
    consumer = City(settings, table, show, SystemRandom().random, gateway)
    consuming = asyncio.ensure_future(consumer.run())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, consuming.cancel)
    await asyncio.wait([consuming])
    if not consuming.cancelled():
        consuming.result()
    return consumer.counters


class _Screen:
    """The live line of a terminal; elsewhere only what changes in the state of the connection."""

    def __init__(self) -> None:
        self._state = ""

    def show(self, counters: Counter[str], state: str) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r{state}: {_line(counters)}\x1b[K", err=True, nl=False)
        elif state != self._state:
            click.echo(f"faubourg: {state}", err=True)
        self._state = state


def _line(counters: Counter[str]) -> str:
    messages, readings, duplicates, refused = (counters[name] for name in SHOWN)
    return (f"{messages} messages, {readings} readings, {duplicates} duplicates ignored, "
            f"{refused} refused")
