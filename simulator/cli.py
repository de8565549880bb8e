"""The command line `faubourg-sim`."""

import asyncio
import sys

import click


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="faubourg", prog_name="faubourg-sim")
def main() -> None:
    """Faubourg's simulator: streets of real node firmware against the real gateway.

    \b
    faubourg-sim demo                   a live street for a minute
    faubourg-sim demo --seconds 20 --json result.json
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
    from simulator.run_folder import RunRefused

    try:
        sys.exit(asyncio.run(run(DemoSettings(**options))))
    except RunRefused as error:
        raise click.UsageError(str(error)) from error
    except (KeyboardInterrupt, asyncio.CancelledError):
        click.echo("stopped before its end: nothing was counted", err=True)
        sys.exit(1)
