"""`retrainer keys`: make, list and drop the keys of the model server's API."""

import sys
from typing import cast

import click
from rich.table import Table

from retrainer.cli.records import read_settings, show
from retrainer.config.api_keys import Role, drop_key, keep_key, keys_file, make_key, read_keys


@click.group()
def keys() -> None:
    """Keys of the model server's API.

    The server demands one as soon as there is one, and always where it listens on anything but the loopback. A client
    sends `Authorization: Bearer KEY`. A change counts within a second, without a restart.
    """


@keys.command()
@click.argument("role", type=click.Choice(["predict", "admin"]))
@click.option("--replace", is_flag=True, help="Drop the other keys of this role at once.")
def new(role: str, *, replace: bool) -> None:
    """Make a key and print it on stdout. It is not shown again.

    A predict key is good for predictions, status and metrics; an admin key for releases too. Older keys stay good
    until they are dropped, so clients can change one by one.
    """
    key, text = make_key(keys_file(read_settings().home), cast(Role, role), replace=replace)
    click.echo(text)
    click.echo(f"Key {key.id} ({role}). Only its hash is kept, so store it now.", err=True)
    click.echo(f"To drop it: retrainer keys drop {key.id}", err=True)
    if role == "admin":
        click.echo("The deploy step reads it from RETRAINER_SERVING_ADMIN_KEY.", err=True)


@keys.command()
@click.argument("role", type=click.Choice(["predict", "admin"]))
@click.option("--replace", is_flag=True, help="Drop the other keys of this role at once.")
def keep(role: str, *, replace: bool) -> None:
    """Take a key that was made elsewhere, such as by a store of secrets, from stdin. Only its hash is kept."""
    text = sys.stdin.read().strip()
    key = keep_key(keys_file(read_settings().home), cast(Role, role), text, replace=replace)
    click.echo(f"Key {key.id} ({role}) is good.", err=True)


@keys.command("list")
def list_command() -> None:
    """The keys that are good: id, role, when it was made."""
    table = Table("id", "role", "made", box=None, pad_edge=False)
    for key in read_keys(keys_file(read_settings().home)):
        table.add_row(key.id, key.role, f"{key.created_at:%Y-%m-%d %H:%M} UTC")
    show(table)


@keys.command()
@click.argument("name", metavar="ID")
def drop(name: str) -> None:
    """Drop the key with this ID: the server refuses it from then on."""
    left = drop_key(keys_file(read_settings().home), name)
    click.echo(f"Key {name} is dropped, {len(left)} left.")
    if not left:
        click.echo("The server refuses every request now, until there is a key: retrainer keys new predict", err=True)
