"""`retrainer schema`: the JSON Schema of a declaration, which editors complete and check from, and the same to read."""

import json

import click

from retrainer.config.schema import described_schema


def schema_text() -> str:
    """The schema as it is printed and as config/model.schema.json holds it."""
    return json.dumps(described_schema(), indent=2, ensure_ascii=False)


@click.command("schema")
@click.option("--markdown", is_flag=True, help="Every key and setting as tables to read (docs/configuration.md).")
def schema_command(markdown: bool) -> None:
    """Print the JSON Schema of a model declaration (config/model.schema.json)."""
    if markdown:
        from retrainer.config.reference import configuration_reference

        click.echo(configuration_reference())
    else:
        click.echo(schema_text())


schema = schema_command  # the name under which cli/main.py finds it
