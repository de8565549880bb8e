"""The command line `faubourg-sim`."""

import asyncio
import sys

import click

from simulator.cli_run import run, search


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="faubourg", prog_name="faubourg-sim")
def main() -> None:
    """Faubourg's simulator: streets of real node firmware against the real gateway.

    \b
    faubourg-sim demo                   a live street for a minute
    faubourg-sim run street             an evening in virtual time, from one seed
    faubourg-sim search bad-friday      fresh seeds until a run fails
    faubourg-sim demo --seconds 20 --json result.json
    faubourg-sim soak --minutes 10 --kills 100
    """


@main.command()
@click.option("--seconds", type=click.IntRange(min=5), default=60, show_default=True,
              help="How long the street lives before it is drained (real seconds).")
@click.option("--nodes", type=click.IntRange(10, 500), default=60, show_default=True,
              help="How many nodes stand in the street.")
@click.option("--speed", type=click.IntRange(1, 120), default=60, show_default=True,
              help="How much faster than real time the world runs.")
@click.option("--seed", type=int, default=1, show_default=True,
              help="Which street: cars, waste and sensors' noise follow from it.")
@click.option("--security", type=click.Choice(["oscore", "none"]), default="oscore",
              show_default=True, help="'none' protects nothing: to compare.")
@click.option("--keep", type=click.Path(file_okay=False),
              help="Keep the gateway's settings, data and readings in this new folder.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False), metavar="FILE",
              help="Write the result to this file, for scripts; '-' is stdout.")
@click.option("--picture", "picture_path", type=click.Path(dir_okay=False),
              help="Write the last picture of the living street to this file, as SVG.")
def demo(**options) -> None:
    """Show a street at dusk: lamps, bins and parking bays, a gateway, and what reaches the city.

    Every node runs the firmware that an ESP32 runs; the gateway is 'faubourg run' in a process of
    its own; they talk CoAP over UDP on this machine. Exit 0 only if no reading is missing or
    double.

    \b
    faubourg-sim demo --seconds 20
    """
    from simulator.demo import DemoSettings, run

    _run(run, DemoSettings, options)


@main.command()
@click.option("--minutes", type=click.FloatRange(0.1, 10_000), default=1.0, show_default=True,
              help="How long the chain lives under kills before it is drained (real minutes).")
@click.option("--kills", type=click.IntRange(0, 100_000), default=10, show_default=True,
              help="How often a process is killed, shared out over gateway, broker and consumer.")
@click.option("--nodes", type=click.IntRange(10, 300), default=80, show_default=True,
              help="How many nodes stand in the street.")
@click.option("--seed", type=int, default=1, show_default=True,
              help="Which kills, which power cuts, which street.")
@click.option("--security", type=click.Choice(["oscore", "none"]), default="oscore",
              show_default=True, help="'none' protects nothing: to compare.")
@click.option("--keep", type=click.Path(file_okay=False),
              help="Keep settings, logs, the gateway's store and the city's table in this folder.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False), metavar="FILE",
              help="Write the result to this file, for scripts; '-' is stdout.")
def soak(**options) -> None:
    """Kill the real processes again and again, and count every reading.

    Nodes over UDP, 'faubourg run', mosquitto and 'faubourg city' (ack = "application") on this
    machine. At drawn moments one of the three gets SIGKILL, and a drawn node loses its power.
    Then all is drained. Exit 0 only if no reading is missing and none is double.

    \b
    faubourg-sim soak --minutes 10 --kills 100
    faubourg-sim soak --minutes 0.5 --kills 5 --json result.json
    """
    from simulator.soak import SoakSettings, run

    _run(run, SoakSettings, options)


main.add_command(run)
main.add_command(search)


def _run(run, settings_class, options: dict) -> None:
    """Run a demo or a soak to its end, and end with its exit code."""
    from simulator.run_folder import RunRefused

    try:
        sys.exit(asyncio.run(run(settings_class(**options))))
    except RunRefused as error:
        raise click.UsageError(str(error)) from error
    except (KeyboardInterrupt, asyncio.CancelledError):
        click.echo("stopped before its end: nothing was counted", err=True)
        sys.exit(1)
