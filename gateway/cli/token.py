"""Who may use the gateway's HTTP port: tokens with a name and a role."""

import click

from gateway.cli.connection import api_client
from gateway.cli.screen import json_option, print_json, print_table

ROLES = ("view", "operate", "admin")


@click.group()
def token() -> None:
    """Make, list and remove the tokens of the HTTP port ([http] in the settings).

    \b
    faubourg token add prometheus --role view
    faubourg token remove prometheus
    """


@token.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True,
              help="view: look. operate: commands and operations too. admin: everything.")
@json_option
def add(name: str, role: str, as_json: bool) -> None:
    """Make the token NAME and print it: this once, it is kept nowhere.

    \b
    faubourg token add prometheus --role view
    curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8080/metrics
    """
    made = api_client().post("tokens", body={"name": name, "role": role})
    if as_json:
        print_json(made)
    else:
        click.echo(made["token"])
        click.echo(f"{name}, role {role}: keep it now, it is not shown again", err=True)


@token.command("list")
@json_option
def list_tokens(as_json: bool) -> None:
    """List names and roles of the tokens.

    \b
    faubourg token list
    """
    found = api_client().get("tokens")
    if as_json:
        print_json(found)
    elif not found:
        click.echo("There is no token: nobody gets in by the HTTP port.")
    else:
        print_table(("token", "role"), [(each["name"], each["role"]) for each in found])


@token.command()
@click.argument("name")
@json_option
def remove(name: str, as_json: bool) -> None:
    """Take the token NAME back: from now on nobody gets in with it.

    \b
    faubourg token remove prometheus
    """
    removed = api_client().delete("tokens", name)
    if as_json:
        print_json(removed)
    else:
        click.echo(f"removed: {name}")
