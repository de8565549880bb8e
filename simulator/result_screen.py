"""What came of a run, in words: for the end of a demo and of a soak."""

from rich import box
from rich.console import Console
from rich.table import Table

from simulator.result import Result

SECURITY = {"oscore": "OSCORE", "none": "NONE, all in clear"}
"""What a screen says of a run's security."""
_PLURAL = {"lamp": "lamps", "bin": "bins", "parking": "parking bays"}


def print_summary(result: Result, is_stdout_taken: bool) -> None:
    """Print what came of it all on stdout, or on stderr where that is for JSON."""
    console = Console(stderr=is_stdout_taken)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("", "nodes", "registered", "readings taken", "delivered to the city"):
        table.add_column(column, justify="left" if not column else "right")
    for each in result.furniture:
        table.add_row(_PLURAL[each.furniture], str(each.nodes), str(each.registered),
                      str(each.taken), str(each.delivered))
    console.print(table)
    for check in result.checks:
        mark = "[green]ok  [/]" if check.ok else "[red]FAIL[/]"
        console.print(f"{mark} {check.name} ({check.detail})", highlight=False)
    console.print(_verdict(result), highlight=False)
    console.print(f"Security: {SECURITY[result.security]}.", highlight=False)


def _verdict(result: Result) -> str:
    if not result.is_ok:
        return "[bold red]FAILED:[/] see above."
    tally = result.readings
    rest = f", {tally.explained:,} given up and reported by their nodes" if tally.explained else ""
    return (f"[bold green]Passed:[/] {tally.taken:,} readings taken, {tally.delivered:,} "
            f"delivered, none twice, none missing{rest}.")


def security_warning(security: str) -> str:
    """Return what a title adds where nothing is protected; otherwise nothing."""
    return "" if security == "oscore" else f" Security: {SECURITY[security]}."
