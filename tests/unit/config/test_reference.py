"""docs/configuration.md: it is what the code says, and nothing is missing from it."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from retrainer.cli.schema import schema_command
from retrainer.config.docstrings import field_descriptions, models_below
from retrainer.config.kinds import kind_of
from retrainer.config.reference import configuration_reference
from retrainer.config.runtime import RuntimeSettings
from retrainer.config.schema import json_schema

DOCUMENT = Path(__file__).parents[3] / "docs" / "configuration.md"


def rows(text: str) -> list[list[str]]:
    """The cells of every row of every table, without heads and rules."""
    found = [re.split(r"(?<!\\) \| ", line.strip("| ")) for line in text.splitlines() if line.startswith("| `")]
    assert found
    return found


def test_the_document_is_what_the_code_says() -> None:
    asked = CliRunner().invoke(schema_command, ["--markdown"])

    assert asked.exit_code == 0
    how = "make it again: .venv/bin/retrainer schema --markdown > docs/configuration.md"
    assert DOCUMENT.read_text(encoding="utf-8") == asked.stdout, how


def test_every_setting_of_a_machine_is_there_with_its_variable() -> None:
    named = {
        key: variable for key, variable, *_ in rows(configuration_reference()) if variable.startswith("`RETRAINER_")
    }

    assert named == {f"`{name}`": f"`RETRAINER_{name.upper()}`" for name in RuntimeSettings.model_fields}


def test_every_key_of_every_section_is_there() -> None:
    definitions = json_schema()["$defs"]
    assert isinstance(definitions, dict)
    models = models_below(RuntimeSettings.__mro__[1])
    sections = [models["ModelConfig"], *(models[name] for name in definitions if name in models)]
    declared = [f"`{key}`" for section in sections for key in section.model_fields]

    assert len(sections) > 40
    assert sorted(cells[0] for cells in rows(configuration_reference()) if len(cells) == 4) == sorted(declared)


def test_every_key_has_a_type_a_default_and_a_meaning() -> None:
    empty = [cells for cells in rows(configuration_reference()) if not all(cell.strip("| ") for cell in cells)]

    assert empty == []


def test_a_default_that_is_worked_out_is_told_in_words() -> None:
    by_key = {cells[0]: cells for cells in rows(configuration_reference()) if len(cells) == 5}

    assert by_key["`ledger_url`"][3:] == ["ledger.sqlite in home", "SQLAlchemy URL of the ledger of releases."]
    assert by_key["`airflow_port`"][3] == "`8080`"


def test_a_section_that_has_two_forms_is_told_apart() -> None:
    headings = re.findall(r"^### (.*complete.*)$", configuration_reference(), re.MULTILINE)

    assert headings == [f"`source.tables.<name>.complete` with `by: {by}`" for by in ("manifest", "later_rows")]


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 65535}, "whole number, 1 to 65,535"),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5}, "number, above 0, below 0.5"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, "number"),
        ({"type": "array", "items": {"type": "string"}, "minItems": 1}, "list of texts, at least 1 of them"),
        ({"enum": ["a", "b"], "type": "string"}, "`a` or `b`"),
        ({"enum": list("abcdefghi"), "type": "string"}, "one of those below"),
        ({"type": "object", "additionalProperties": {"$ref": "#/$defs/Rule"}}, "mapping of names to sections"),
        ({"type": "string", "pattern": r"^\d{1,6}\s*[smhd]$"}, "length of time, such as `90m`, `6h` or `14d`"),
        ({"type": "string", "pattern": "^x+$"}, "text, `^x+$`"),
        ({}, "any value"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_a_type_is_told_with_its_limits(node: dict[str, object], words: str) -> None:
    assert kind_of(node) == words


def test_every_setting_of_a_machine_is_described() -> None:
    assert field_descriptions(RuntimeSettings).keys() == RuntimeSettings.model_fields.keys()
