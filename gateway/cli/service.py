"""Starting the gateway, and checking its settings without starting it."""

import click

from gateway.cli.connection import settings_path
from gateway.cli.screen import json_option, print_json


@click.command()
@click.option("--config", type=click.Path(dir_okay=False),
              help="The gateway's settings (TOML); docs/gateway.toml explains every key.")
def run(config: str | None) -> None:
    """Run the gateway until SIGTERM or Ctrl-C.

    \b
    faubourg run --config gateway.toml
    """
    from gateway import process
    from gateway.settings import SettingsError

    try:
        process.run(_named(config))
    except (SettingsError, process.StartError) as error:
        click.echo(f"faubourg: {error}", err=True)
        click.get_current_context().exit(2 if isinstance(error, SettingsError) else 1)


@click.command("check-config")
@click.option("--config", type=click.Path(dir_okay=False), help="The settings file to check.")
@json_option
def check_config(config: str | None, as_json: bool) -> None:
    """Check the settings and print what the gateway would run with; exit 2 if they are wrong.

    \b
    faubourg check-config --config gateway.toml
    """
    import msgspec

    from gateway import settings_check, settings_warnings
    from gateway.settings import SettingsError, load

    path = _named(config)
    try:
        loaded = load(path)
        settings_check.check(loaded)
        settings = msgspec.to_builtins(loaded, builtin_types=())
    except SettingsError as error:
        click.echo(f"faubourg: {error}", err=True)
        click.get_current_context().exit(2)
    for warning in settings_warnings.warnings(loaded):
        click.echo(f"faubourg: warning: {warning}", err=True)
    if as_json:
        print_json(settings)
        return
    click.echo(f"{path} is valid. The gateway runs with:")
    for line in _flat(settings):
        click.echo(f"  {line}")


def _named(config: str | None) -> str:
    if config:
        click.get_current_context().find_root().obj["config"] = config
    return settings_path()


def _flat(settings: object, prefix: str = "") -> list[str]:
    """Return 'section.key = value' lines in the settings' own order."""
    if isinstance(settings, dict):
        return [line for key, value in settings.items()
                for line in _flat(value, f"{prefix}.{key}" if prefix else str(key))]
    return [f"{prefix} = {settings!r}"]
