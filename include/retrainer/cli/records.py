"""What the commands about releases share: the ledger of this project, the model that was named, text on a terminal."""

import getpass
import os
from pathlib import Path

import click
from rich.console import Console, RenderableType
from rich.style import Style
from rich.text import Text

from retrainer.config.near_miss import unknown
from retrainer.config.runtime import RuntimeSettings, find_project_root, load_settings
from retrainer.errors import ConfigurationError
from retrainer.ledger import Ledger

LINKS = {"report_url": "report", "card_url": "card", "version_url": "version", "run_url": "run"}
"""Keys of the addresses in an entry's evidence, and what each leads to; what people read comes first."""

_WIDE = 10_000


def read_settings() -> RuntimeSettings:
    """The settings of the project round the working folder."""
    return load_settings(os.environ, find_project_root(Path.cwd()))


def check_model(ledger: Ledger, model: str) -> None:
    """Has `model` entries in the ledger?

    Raises:
        ConfigurationError: it has none; names the nearest model that has.
    """
    models = ledger.models()
    if not models:
        raise ConfigurationError(f"the ledger has no entry yet, so none of {model!r}", hint="Train a model first.")
    problem = unknown(model, models, what="model")
    if problem:
        raise ConfigurationError(problem)


def parse_version(text: str) -> int:
    """`7` or `v7`.

    Raises:
        ConfigurationError: it is no version number.
    """
    digits = text.removeprefix("v")
    if not (digits.isascii() and digits.isdigit() and int(digits)):
        raise ConfigurationError(f"a version is a number such as 7 or v7, got {text!r}")
    return int(digits)


def current_user() -> str:
    """Who is logged in to this machine."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return "unknown user"


def is_terminal() -> bool:
    """Is stdout a terminal?"""
    return Console().is_terminal


def link(url: str, *, text: str = "") -> Text:
    """`text`, or else the address itself, which a terminal that knows links opens at a click."""
    address = one_line(url)
    return Text(text or address, style=Style(link=address))


def show(content: RenderableType) -> None:
    """Print to stdout: fitted to a terminal, else one line for each row, however long, without colours."""
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(content)
        return
    wide = Console(highlight=False, width=_WIDE)
    with wide.capture() as captured:
        wide.print(content)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def one_line(text: str) -> str:
    """`text` without line breaks and control characters: people and libraries wrote it."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def named(version: int | None) -> str:
    """A version as it is shown; a dash for none."""
    return f"v{version}" if version is not None else "-"
