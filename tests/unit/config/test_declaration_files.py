"""Every file in tests/config: the valid ones load, the invalid ones hold the one message that they give."""

import shutil
from pathlib import Path

import pytest

from retrainer.config.declaration import ModelConfig
from retrainer.config.document import read_document
from retrainer.config.load import find_declarations, load_declaration
from retrainer.config.problem import DeclarationError, Problem

_ROOT = Path(__file__).resolve().parents[3]
_DECLARED = find_declarations(_ROOT / "config" / "models")
_VALID = find_declarations(_ROOT / "tests" / "config" / "valid")
_INVALID = find_declarations(_ROOT / "tests" / "config" / "invalid")
_EXPECT = "# expect: "


def _problems(path: Path) -> tuple[Problem, ...]:
    with pytest.raises(DeclarationError) as raised:
        load_declaration(path)
    return raised.value.problems


def test_there_are_declarations_to_loop_over() -> None:
    assert len(_DECLARED) >= 1
    assert len(_VALID) >= 5
    assert len(_INVALID) >= 60


@pytest.mark.parametrize("path", _DECLARED + _VALID, ids=lambda path: path.stem)
def test_a_valid_declaration_loads(path: Path) -> None:
    assert load_declaration(path).name == path.stem


@pytest.mark.parametrize("path", _DECLARED + _VALID, ids=lambda path: path.stem)
def test_a_valid_declaration_survives_the_way_through_json(path: Path) -> None:
    config = load_declaration(path)

    assert ModelConfig.model_validate_json(config.model_dump_json()) == config
    assert ModelConfig.model_validate(config.model_dump(mode="json")) == config


@pytest.mark.usefixtures("declared_for_tests")
@pytest.mark.parametrize("path", _INVALID, ids=lambda path: path.stem)
def test_an_invalid_declaration_gives_the_message_that_it_holds(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith(_EXPECT)
    expected = f"{path}:{first.removeprefix(_EXPECT)}"

    problems = _problems(path)

    assert len(problems) == 1
    if expected.endswith("..."):
        assert str(problems[0]).startswith(expected.removesuffix("..."))
    else:
        assert str(problems[0]) == expected


def test_all_mistakes_of_a_file_are_reported_at_once_in_the_order_of_their_lines(tmp_path: Path) -> None:
    valid = (_ROOT / "tests" / "config" / "valid" / "minimal.yaml").read_text(encoding="utf-8")
    path = tmp_path / "minimal.yaml"
    changes = {
        "name: minimal": "name: maximal",
        "owner: logistics": "ownr: logistics",
        "rows: parcels": "rows: parcel",
        "holdout_days: 14": "holdout_days: 0",
        "inputs: [weight]": "inputs: [wieght]",
        "metric: roc_auc": "metric: auc",
    }
    for old, new in changes.items():
        valid = valid.replace(old, new)
    path.write_text(valid, encoding="utf-8")

    found = [(problem.line, problem.key) for problem in _problems(path)]

    assert found == [
        (1, "owner"),
        (3, "name"),
        (5, "ownr"),
        (9, "source.rows"),
        (17, "windows.holdout_days"),
        (20, "evaluation.metric"),
    ]


def test_sections_that_are_right_in_themselves_are_compared_although_another_one_is_wrong(tmp_path: Path) -> None:
    valid = (_ROOT / "tests" / "config" / "valid" / "minimal.yaml").read_text(encoding="utf-8")
    path = tmp_path / "minimal.yaml"
    path.write_text(
        valid.replace("holdout_days: 14", "holdout_days: 0").replace("inputs: [weight]", "inputs: [wieght, lat]"),
        encoding="utf-8",
    )

    assert [(problem.line, problem.key) for problem in _problems(path)] == [
        (17, "windows.holdout_days"),
        (18, "features.inputs.0"),
        (18, "features.inputs.1"),
    ]


def test_the_message_of_an_error_names_ten_mistakes_and_counts_the_others(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("".join(f"key_{number}: 1\n" for number in range(12)), encoding="utf-8")

    with pytest.raises(DeclarationError, match=r"and \d+ more$") as raised:
        load_declaration(path)

    assert len(str(raised.value).splitlines()) == 11


@pytest.mark.parametrize("stem", ["password_in_url", "password_in_query"])
def test_a_password_is_in_no_message_and_in_no_error_behind_it(stem: str) -> None:
    with pytest.raises(DeclarationError) as raised:
        load_declaration(_ROOT / "tests" / "config" / "invalid" / f"{stem}.yaml")

    error: BaseException | None = raised.value
    texts = []
    while error is not None:
        texts.append(f"{error!s} {error!r}")
        error = error.__cause__ or error.__context__
    assert len(texts) >= 2
    assert "hunter2" not in " ".join(texts)


@pytest.mark.parametrize(
    "line",
    [
        "source: postgresql://loader:hunter2@db.example/parcels",
        "source: { connection: 'postgresql://loader:hunter2@db.example/parcels' }",
        "source: { url: 'postgresql://loader:hun/ter2@db.example/parcels' }",
        "source: { url: 'postgresql://:hunter2@db.example/parcels' }",
        "source: { url: 'mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BPWD%3Dhunter2' }",
        "source: { password: hunter2 }",
    ],
)
def test_a_password_in_the_wrong_place_is_not_repeated(tmp_path: Path, line: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(f"{line}\n", encoding="utf-8")

    messages = [problem for problem in _problems(path) if problem.key.startswith("source") and problem.line == 1]

    assert any(problem.key != "source" or "must be" in problem.message for problem in messages)
    assert "hunter2" not in str(messages)
    assert "ter2" not in str(messages)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///a:b@c.sqlite",
        "postgresql://reader@db.example:5432/x",
        "duckdb:////data/x.duckdb?access_mode=read_only",
    ],
)
def test_a_url_without_a_password_is_allowed(tmp_path: Path, url: str) -> None:
    valid = (_ROOT / "tests" / "config" / "valid" / "minimal.yaml").read_text(encoding="utf-8")
    path = tmp_path / "minimal.yaml"
    path.write_text(valid.replace("connection: parcels", f"url: '{url}'"), encoding="utf-8")

    assert load_declaration(path).source.url == url


def test_the_line_of_a_missing_key_is_that_of_the_section_it_is_missing_in(tmp_path: Path) -> None:
    valid = (_ROOT / "tests" / "config" / "valid" / "minimal.yaml").read_text(encoding="utf-8")
    path = tmp_path / "minimal.yaml"
    path.write_text(valid.replace("      key: [parcel_id]\n", ""), encoding="utf-8")

    assert [str(problem) for problem in _problems(path)] == [f"{path}:12: source.tables.parcels.key: is missing"]


def test_a_model_declared_with_both_suffixes_is_refused_once(tmp_path: Path) -> None:
    for suffix in (".yaml", ".yml"):
        shutil.copy(_ROOT / "tests" / "config" / "valid" / "minimal.yaml", tmp_path / f"minimal{suffix}")

    assert load_declaration(tmp_path / "minimal.yaml").name == "minimal"
    assert [problem.message for problem in _problems(tmp_path / "minimal.yml")] == [
        "minimal.yaml beside it declares the same model"
    ]


def test_only_yaml_files_of_the_folder_itself_are_declarations(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "c.txt", ".hidden.yaml"):
        (tmp_path / name).touch()
    (tmp_path / "folder.yaml").mkdir()

    assert [path.name for path in find_declarations(tmp_path)] == ["a.yml", "b.yaml"]
    with pytest.raises(DeclarationError, match="no such file or folder"):
        find_declarations(tmp_path / "absent")


def test_a_document_knows_the_line_of_every_key_and_item() -> None:
    document = read_document(_ROOT / "tests" / "config" / "valid" / "weekly_with_lookups.yaml")

    assert document.line(("source", "tables", "depots", "key")) == 25
    assert document.line(("source", "tables", "depots", "key", 1)) == 25
    assert document.line(("source", "tables", "depots", "absent", 3)) == 23
    assert document.line(("absent",)) == 1
