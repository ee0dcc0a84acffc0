"""`retrainer export`: a version as a folder that answers with NumPy and ONNX Runtime alone."""

from pathlib import Path

import click

from retrainer.cli.records import check_model, named, parse_version, read_settings
from retrainer.ledger import Ledger


@click.command()
@click.argument("model_version", metavar="MODEL[@VERSION]")
@click.option("--to", "to", required=True, type=click.Path(path_type=Path), metavar="FOLDER", help="A folder to make.")
def export(model_version: str, *, to: Path) -> None:
    """Write a version of MODEL, by default the champion, into a folder that answers without Retrainer.

    It holds the ONNX model, the model's own code, what a record is made of, and an example. Exit status 78: refused,
    nothing was written (no such version, archived, changed since it was registered, or its ONNX model is not known to
    equal scikit-learn).
    """
    model, at, text = model_version.partition("@")
    version = parse_version(text) if at else None
    settings = read_settings()
    check_model(Ledger.open(settings.ledger_url), model)
    from retrainer.steps.edge import export_edge  # MLflow takes seconds to import: a wrong name is told before

    number = export_edge(settings, model, version=version, to=to)
    click.echo(f"{model} {named(number)} is in {to}; how to run it: {to / 'README.md'}")
