"""Whatever stands in a declaration, the answer is a model or a list of mistakes, and never another error."""

import copy
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from retrainer.config.document import read_document
from retrainer.config.load import load_declaration
from retrainer.config.problem import DeclarationError, Problem
from retrainer.config.yaml_text import KeyPath

_ROOT = Path(__file__).resolve().parents[3]
_CONTENTS = [
    read_document(_ROOT / "config" / "models" / "flight_delay.yaml"),
    read_document(_ROOT / "tests" / "config" / "valid" / "search_space.yaml"),
    read_document(_ROOT / "tests" / "config" / "valid" / "url_source.yaml"),
]
_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-2, 2),
    st.floats(),
    st.text(max_size=30),
    st.sampled_from(
        ["", "a.b", "label", "../x", "90m", "0 0 * * *", "a://b:c@d", "models", "sklearn.dummy", "2024-01-01"]
    ),
    st.lists(st.one_of(st.text(max_size=5), st.integers(), st.none()), max_size=3),
    st.dictionaries(
        st.text(max_size=8), st.one_of(st.text(max_size=5), st.integers(), st.lists(st.none())), max_size=3
    ),
)


def _replace(content: JsonValue, key: KeyPath, value: JsonValue) -> None:
    *above, last = key
    for part in above:
        content = content[part]  # type: ignore[index, call-overload]
    content[last] = value  # type: ignore[index, call-overload]


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_in_any_place_gives_a_model_or_mistakes(tmp_path: Path, data: st.DataObject) -> None:
    document = data.draw(st.sampled_from(_CONTENTS))
    content = copy.deepcopy(document.content)
    key = data.draw(st.sampled_from(sorted(document.lines, key=str)))
    _replace(content, key, data.draw(_VALUES))
    path = tmp_path / document.path.name
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")

    problems: tuple[Problem, ...] = ()
    try:
        load_declaration(path)
    except DeclarationError as error:
        problems = error.problems

    last = path.read_text(encoding="utf-8").count("\n") + 1
    assert all(1 <= problem.line <= last and problem.message for problem in problems)
    assert [problem.line for problem in problems] == sorted(problem.line for problem in problems)


@given(content=st.binary(max_size=200))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_give_mistakes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(content)

    with pytest.raises(DeclarationError):
        load_declaration(path)


@given(text=st.text(alphabet="ab:-?[]{},&*!|>'\"#%@` \n\t1.e", max_size=60))
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_that_looks_like_yaml_gives_mistakes(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(DeclarationError):
        load_declaration(path)
