"""The JSON Schema that editors read: valid, up to date, closed, described, and it takes and refuses what we do."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from pydantic import JsonValue

from retrainer.cli.schema import schema_text
from retrainer.config.document import read_document
from retrainer.config.load import find_declarations
from retrainer.config.schema import described_schema

_ROOT = Path(__file__).resolve().parents[3]
_COMMITTED = _ROOT / "config" / "model.schema.json"
_GOOD = [path for folder in ("config/models", "tests/config/valid") for path in find_declarations(_ROOT / folder)]
_CAUGHT_BY_EDITORS = (
    "estimator_unknown",
    "expectation_unknown",
    "gate_misspelt",
    "list_instead_of_text",
    "metric_unknown",
    "missing_key",
    "number_as_text",
    "out_of_bounds",
    "unknown_choice",
    "unknown_completeness",
    "unknown_key",
    "unknown_key_deep",
    "duration_without_unit",
)


def _objects(schema: JsonValue) -> list[dict[str, JsonValue]]:
    if isinstance(schema, list):
        return [found for item in schema for found in _objects(item)]
    if not isinstance(schema, dict):
        return []
    inner = [found for item in schema.values() for found in _objects(item)]
    return [schema, *inner] if isinstance(schema.get("properties"), dict) else inner


def test_the_schema_is_a_valid_one() -> None:
    Draft202012Validator.check_schema(described_schema())


def test_the_committed_schema_is_what_the_command_prints() -> None:
    assert _COMMITTED.read_text(encoding="utf-8") == schema_text() + "\n", (
        "config/model.schema.json is out of date: retrainer schema > config/model.schema.json"
    )


def test_every_section_is_closed_and_every_key_described() -> None:
    sections = _objects(described_schema())
    assert len(sections) >= 20
    for section in sections:
        assert section["additionalProperties"] is False, section["title"]
        properties = section["properties"]
        assert isinstance(properties, dict)
        bare = [
            name for name, of in properties.items() if isinstance(of, dict) and not {"description", "$ref"} & set(of)
        ]
        assert [name for name in bare if name != "by"] == [], section["title"]


def test_there_are_declarations_to_hold_against_the_schema() -> None:
    assert len(_GOOD) >= 6


@pytest.mark.parametrize("path", _GOOD, ids=lambda path: path.stem)
def test_a_valid_declaration_conforms_to_the_schema(path: Path) -> None:
    Draft202012Validator(described_schema()).validate(read_document(path).content)


@pytest.mark.parametrize("path", _GOOD, ids=lambda path: path.stem)
def test_a_declaration_names_the_schema_in_its_first_line(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    named = first.removeprefix("# yaml-language-server: $schema=")

    assert first != named
    assert (path.parent / named).resolve() == _COMMITTED


@pytest.mark.parametrize("stem", _CAUGHT_BY_EDITORS)
def test_a_mistake_that_a_schema_can_express_is_caught_by_it(stem: str) -> None:
    content = read_document(_ROOT / "tests" / "config" / "invalid" / f"{stem}.yaml").content

    assert not Draft202012Validator(described_schema()).is_valid(content)


def test_editors_complete_estimators_metrics_and_expectations() -> None:
    text = json.dumps(described_schema())

    assert "sklearn.linear_model.LogisticRegression" in text
    assert "neg_log_loss" in text
    assert "expect_column_values_to_match_regex" in text
