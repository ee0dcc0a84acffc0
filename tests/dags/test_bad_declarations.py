"""One bad declaration never hides the other models' DAGs, in a parse and through Airflow's own DAG processor."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG

from retrainer.airflow import declared
from retrainer.airflow.plan import TrainPlan
from tests.dags.conftest import PROJECT, Change, Declare

MISTAKES: dict[str, tuple[Change, str, str]] = {
    "unknown key": (
        ("  holdout_days: 14", "  holdout_days: 14\n  holdout_dayz: 14"),
        "windows.holdout_dayz: unknown key 'holdout_dayz'; did you mean 'holdout_days'?",
        "  holdout_dayz: 14",
    ),
    "wrong type": (("training_days: 60", "training_days: [60]"), "windows.training_days: ", "  training_days: [60]"),
    "unknown estimator": (
        (
            "type: sklearn.ensemble.HistGradientBoostingClassifier",
            "type: sklearn.ensemble.HistGradientBoostingClasifier",
        ),
        "did you mean 'sklearn.ensemble.HistGradientBoostingClassifier'?",
        "  type: sklearn.ensemble.HistGradientBoostingClasifier",
    ),
    "unknown metric": (("metric: roc_auc", "metric: roc_auk"), "did you mean 'roc_auc'?", "  metric: roc_auk"),
    "feature module that does not import": (
        ("module: models.flight_delay.features", "module: models.flight_delay.featurez"),
        "features.module: module 'models.flight_delay.featurez' was not found",
        "  module: models.flight_delay.featurez",
    ),
}


@pytest.mark.parametrize(("change", "message", "at"), MISTAKES.values(), ids=MISTAKES)
def test_a_bad_declaration_is_one_import_error_with_file_line_and_key(
    change: Change, message: str, at: str, declare: Declare
) -> None:
    for name in ("one", "three"):
        declare(name)
    bad = declare("two", change)

    bag = DagBag(PROJECT / "dags")

    assert set(bag.dags) == {"sample_feed", "maintenance", *dags_of("one"), *dags_of("three")}
    assert bag.dags["maintenance"].task_ids == ["one__archive", "three__archive"]
    (error,) = bag.import_errors.values()
    line = bad.read_text().splitlines().index(at) + 1
    assert f"{bad}:{line}: " in error
    assert message in error


def dags_of(model: str) -> list[str]:
    kinds = ("train", "score", "monitor", "rollback", "rebuild", "online", "predictions")
    return [f"{model}__{kind}" for kind in kinds]


def test_the_error_is_not_that_of_the_file_with_the_other_dags(declare: Declare) -> None:
    declare("one")
    declare("two", ("metric: roc_auc", "metric: roc_auk"))

    assert [Path(name).name for name in DagBag(PROJECT / "dags").import_errors] == ["declarations.py"]


def test_two_files_of_one_model_are_a_mistake_of_the_second(declare: Declare, models_dir: Path) -> None:
    text = declare("one").read_text()
    (models_dir / "one.yml").write_text(text)

    bag = DagBag(PROJECT / "dags")

    (error,) = bag.import_errors.values()
    assert "one.yml:1: model 'one' is also declared in one.yaml" in error
    assert "one__train" in bag.dags


@pytest.mark.parametrize(
    ("file", "dag_id", "task_id"),
    [
        ("train.py", "one__train", "snapshot"),
        ("score.py", "one__score", "score"),
        ("monitor.py", "one__monitor", "retrain"),
        ("rollback.py", "one__rollback", "rollback"),
        ("rebuild.py", "one__rebuild", "rebuild"),
        ("maintenance.py", "maintenance", "one__archive"),
    ],
)
def test_a_task_of_a_model_whose_declaration_broke_says_why(
    file: str, dag_id: str, task_id: str, declare: Declare, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare("one", ("metric: roc_auc", "metric: roc_auk"))
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", dag_id)
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_TASK_ID", task_id)

    (error,) = DagBag(PROJECT / "dags" / file).import_errors.values()

    assert "did you mean 'roc_auc'?" in error


def test_what_airflow_itself_refuses_is_a_mistake_of_that_model_only(
    declare: Declare, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        declare(name)
    build = declared.build_train_dag

    def refuse_one(plan: TrainPlan, **settings: object) -> DAG:
        if plan.model == "one":
            raise ValueError("no such thing")
        return build(plan, **settings)

    monkeypatch.setattr(declared, "build_train_dag", refuse_one)

    bag = DagBag(PROJECT / "dags")

    (error,) = bag.import_errors.values()
    assert "one.yaml:1: Airflow refuses this model: no such thing" in error
    assert "two__train" in bag.dags


def test_the_dag_processor_shows_the_bad_one_and_keeps_the_others(declare: Declare, tmp_path: Path) -> None:
    for name in ("one", "three"):
        declare(name)
    bad = declare("two", ("metric: roc_auc", "metric: roc_auk"))
    database = tmp_path / "airflow.db"
    environment = os.environ | {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database}",
    }

    airflow("db", "migrate", environment=environment)
    airflow("dag-processor", "--num-runs", "1", environment=environment)

    with sqlite3.connect(database) as connection:
        dags = dict(connection.execute("select dag_id, is_stale from dag").fetchall())
        errors = connection.execute("select filename, stacktrace from import_error").fetchall()
    connection.close()
    assert dags == dict.fromkeys(("sample_feed", "maintenance", *dags_of("one"), *dags_of("three")), 0)
    ((filename, text),) = errors
    assert filename == "declarations.py"
    assert f"{bad}:115: evaluation.metric: unknown metric 'roc_auk'; did you mean 'roc_auc'?" in text


def airflow(*arguments: str, environment: dict[str, str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "airflow", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.communicate()
        raise
    assert process.returncode == 0, output[-3000:]
