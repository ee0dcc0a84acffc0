"""What a parse keeps for the next one, and everything that makes it read the declarations again."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from retrainer.airflow import declared, parse_cache
from retrainer.airflow.declared import read_declared
from retrainer.airflow.steps import DATA_STEPS, INPUTS, MODEL_STEPS, PARTS
from retrainer.config import load
from retrainer.contracts import PIPELINE
from tests.dags.conftest import EXAMPLE, PROJECT, Declare

FOLDER = PROJECT / "dags"


class Reads:
    """How often a declaration was read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        real = load.load_declaration

        def counted(path: Path) -> object:
            self.count += 1
            return real(path)

        monkeypatch.setattr(load, "load_declaration", counted)

    def of(self, parse: Callable[[], object]) -> int:
        """How many declarations `parse` reads."""
        before = self.count
        parse()
        return self.count - before


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Reads:
    monkeypatch.setattr(declared, "AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setattr(parse_cache, "_SETTLED_NS", 0)
    return Reads(monkeypatch)


def parse() -> list[str]:
    return [dag.dag_id for dag in read_declared(os.environ, FOLDER).dags("train")]


def test_steps_and_their_order_are_those_of_the_contracts() -> None:
    assert (*DATA_STEPS, *MODEL_STEPS) == PIPELINE
    parts = {part for step in PARTS for part in PARTS[step]}
    assert set(INPUTS) == {*PIPELINE, "score", "monitor", *parts}


def test_what_has_not_changed_is_read_once(declare: Declare, reads: Reads) -> None:
    for name in ("one", "two"):
        declare(name)

    assert [reads.of(parse), reads.of(parse), reads.of(parse)] == [2, 0, 0]
    assert parse() == ["one__train", "two__train"]


def test_a_kept_plan_makes_the_same_dag(declare: Declare, reads: Reads) -> None:
    declare("one")

    first, second = (read_declared(os.environ, FOLDER) for _ in range(2))

    assert (first.plans, first.project_root, first.slack_connection_id) == (
        second.plans,
        second.project_root,
        second.slack_connection_id,
    )
    assert reads.count == 1


def edit(folder: Path) -> None:
    path = folder / "one.yaml"
    path.write_text(path.read_text().replace("retries: 2", "retries: 3"))


def same_size_same_time(folder: Path) -> None:
    path = folder / "one.yaml"
    stat = path.stat()
    path.write_text(path.read_text().replace("retries: 2", "retries: 4"))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def add(folder: Path) -> None:
    shutil.copy(EXAMPLE, folder / "flight_delay.yaml")


def remove(folder: Path) -> None:
    (folder / "two.yaml").unlink()


CHANGES = {"edited": edit, "edited unseen": same_size_same_time, "added": add, "removed": remove}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_of_the_folder_is_seen(
    change: Callable[[Path], None], declare: Declare, reads: Reads, models_dir: Path
) -> None:
    for name in ("one", "two"):
        declare(name)
    parse()

    change(models_dir)

    assert reads.of(parse) == len(list(models_dir.iterdir()))


def test_a_change_of_a_models_own_code_is_seen(
    declare: Declare, reads: Reads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "own" / "our_models"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    for name in ("features", "rule"):
        shutil.copy(PROJECT / "include" / "models" / "flight_delay" / f"{name}.py", package)
    monkeypatch.syspath_prepend(tmp_path / "own")
    declare(
        "one", ("models.flight_delay.features", "our_models.features"), ("models.flight_delay.rule", "our_models.rule")
    )
    assert [reads.of(parse), reads.of(parse)] == [1, 0]

    (package / "features.py").write_text("import no_such_library\n")

    assert parse() == []
    with pytest.raises(load.DeclarationError, match="no_such_library"):
        read_declared(os.environ, FOLDER).raise_problems()


def test_other_settings_are_seen(declare: Declare, reads: Reads, monkeypatch: pytest.MonkeyPatch) -> None:
    declare("one")
    parse()

    monkeypatch.setenv("RETRAINER_SLACK_CONNECTION_ID", "ops")

    assert read_declared(os.environ, FOLDER).slack_connection_id == "ops"


def test_connections_are_not_kept(
    declare: Declare, reads: Reads, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RETRAINER_CONN_FLIGHTS_SOURCE", "postgresql://u:hunter2@db/x")
    declare("one")
    parse()

    assert "hunter2" not in (tmp_path / "retrainer-declared.json").read_text()


def test_mistakes_are_found_again_each_time(declare: Declare, reads: Reads) -> None:
    declare("one")
    declare("two", ("metric: roc_auc", "metric: roc_auk"))

    assert [reads.of(parse), reads.of(parse)] == [2, 2]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"watched": {}, "circumstances": {}, "value": 1}'])
def test_a_damaged_cache_is_no_cache(content: str, declare: Declare, reads: Reads, tmp_path: Path) -> None:
    declare("one")
    (tmp_path / "retrainer-declared.json").write_text(content)

    assert parse() == ["one__train"]


def test_a_place_that_cannot_be_written_costs_time_and_nothing_else(
    declare: Declare, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(declared, "AIRFLOW_HOME", "/proc/no-such-folder")
    declare("one")

    assert [reads.of(parse), reads.of(parse)] == [1, 1]


def test_what_was_just_written_is_not_relied_on(
    declare: Declare, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parse_cache, "_SETTLED_NS", 60 * 10**9)
    declare("one")

    assert [reads.of(parse), reads.of(parse)] == [1, 1]
