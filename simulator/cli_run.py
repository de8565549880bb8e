"""The commands `faubourg-sim run` and `search`: scenarios in virtual time."""

import sys
from collections.abc import Callable

import click

FIRST_SEED = 1

_SCENARIO = click.argument("scenario", metavar="SCENARIO")
_NODES = click.option("--nodes", type=click.IntRange(1, 1_000_000), metavar="N",
                      help="Run the first N nodes only, or more than the scenario has.")
_HOURS = click.option("--hours", type=click.FloatRange(0.01, 10_000), metavar="H",
                      help="How long the world lives, in its own hours.")


@click.command()
@_SCENARIO
@click.option("--seed", type=int, default=FIRST_SEED, show_default=True,
              help="Which run: everything that is drawn follows from it.")
@_NODES
@_HOURS
@click.option("--only-faults", metavar="N,N,...",
              help="Leave of the faults only those with these numbers; 'none' for none.")
@click.option("--until", metavar="T",
              help="Stop just before this time of the run: '05:12:07', '1d 00:30:00', or seconds.")
@click.option("--trace", "life_of", metavar="NODE",
              help="Print the life of one node (\"lamp 7\", or its endpoint name).")
@click.option("--trace-out", type=click.Path(dir_okay=False), metavar="FILE",
              help="Write the canonical trace: equal runs, equal files.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False), metavar="FILE",
              help="Write the result to this file, for scripts; '-' is stdout.")
@click.option("--junit", "junit_path", type=click.Path(dir_okay=False), metavar="FILE",
              help="Write the checks as JUnit XML, for CI.")
@click.option("--report", "report_path", type=click.Path(dir_okay=False), metavar="FILE",
              help="Write a page that shows what happened (HTML, opens offline).")
def run(**options) -> None:
    """Run a fleet in virtual time, from one seed, bit for bit.

    SCENARIO is the name of one that comes with Faubourg, or the path of a .toml file. The nodes
    run the firmware of an ESP32, the gateway is the real service with its real store; network,
    disks, sun, cars, waste and the city are simulated. Exit 0 only if every check holds.

    \b
    faubourg-sim run street
    faubourg-sim run bad-friday --seed 7 --report night.html --junit junit.xml
    faubourg-sim run bad-friday --seed 7 --until 05:12:07 --trace "lamp 7"
    """
    from simulator.run_command import RunSettings
    from simulator.run_command import run as carry_out

    _end(lambda: carry_out(RunSettings(**options)))


@click.command()
@_SCENARIO
@click.option("--runs", type=click.IntRange(1, 1_000_000), default=20, show_default=True,
              help="How many fresh seeds are tried at most.")
@click.option("--first-seed", type=int, metavar="N",
              help="Try N, N + 1, ...; without it the first is drawn.")
@_NODES
@_HOURS
@click.option("--tries", type=click.IntRange(0, 10_000), default=80, show_default=True,
              help="How many runs may be spent on making a failing one smaller.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False), metavar="FILE",
              help="Write what was found to this file, for scripts; '-' is stdout.")
def search(**options) -> None:
    """Try fresh seeds until one fails, then find the smallest run that fails alike.

    Fewer faults, a shorter time, fewer nodes: what is left is what matters. Ends with the command
    that replays it. Exit 0 if no run failed, 1 if one did.

    \b
    faubourg-sim search bad-friday --runs 50
    faubourg-sim search street --first-seed 1000 --runs 5 --json found.json
    """
    from simulator.search_command import SearchSettings
    from simulator.search_command import search as carry_out

    _end(lambda: carry_out(SearchSettings(**options)))


def _end(command: Callable[[], int]) -> None:
    """Carry out a command and end with its exit code; 2 where it was asked wrongly."""
    from simulator.plan import PlanError
    from simulator.run_folder import RunRefused
    from simulator.scenario import ScenarioError

    try:
        sys.exit(command())
    except (RunRefused, PlanError, ScenarioError) as error:
        raise click.UsageError(str(error)) from error
    except KeyboardInterrupt:
        click.echo("stopped before its end: nothing was judged", err=True)
        sys.exit(1)
