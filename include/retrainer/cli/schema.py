"""`retrainer schema`: the JSON Schema of a declaration, which editors complete and check from."""

import json

import click

from retrainer.config.schema import described_schema


def schema_text() -> str:
    """The schema as it is printed and as config/model.schema.json holds it."""
    return json.dumps(described_schema(), indent=2, ensure_ascii=False)


@click.command("schema")
def schema_command() -> None:
    """Print the JSON Schema of a model declaration (config/model.schema.json)."""
    click.echo(schema_text())


schema = schema_command  # the name under which cli/main.py finds it
