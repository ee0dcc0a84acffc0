"""`retrainer check` and `retrainer schema`, run as a user runs them."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[3]
_VALID = _ROOT / "tests" / "config" / "valid"
_INVALID = _ROOT / "tests" / "config" / "invalid"
_HEAVY = (
    *("pandas", "numpy", "scipy", "sklearn", "skops", "mlflow", "great_expectations", "evidently", "duckdb"),
    *("deltalake", "pyarrow", "optuna", "airflow", "sqlalchemy"),
)


def _retrainer(*arguments: str | Path, cwd: Path = _ROOT) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("RETRAINER_")}
    command = [sys.executable, "-m", "retrainer.cli.main", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=60, check=False)


def _project(folder: Path, count: int) -> Path:
    """A project with `count` declarations that are right."""
    models = folder / "config" / "models"
    models.mkdir(parents=True)
    text = (_ROOT / "config" / "models" / "flight_delay.yaml").read_text(encoding="utf-8")
    for number in range(count):
        name = f"flight_delay_{number}"
        (models / f"{name}.yaml").write_text(text.replace("name: flight_delay\n", f"name: {name}\n"), encoding="utf-8")
    return models


def test_the_declarations_of_the_project_are_checked_without_a_path() -> None:
    run = _retrainer("check")

    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("ok config/models/flight_delay.yaml: HistGradientBoostingClassifier on 16 features,")
    assert run.stderr == ""


def test_the_project_is_found_from_a_folder_within_it(tmp_path: Path) -> None:
    _project(tmp_path, 2)

    run = _retrainer("check", cwd=tmp_path / "config")

    assert run.returncode == 0, run.stderr
    assert [line.split(":")[0] for line in run.stdout.splitlines()] == [
        "ok models/flight_delay_0.yaml",
        "ok models/flight_delay_1.yaml",
    ]


def test_right_and_wrong_files_are_told_apart_and_the_exit_status_is_78() -> None:
    run = _retrainer(
        "check", _VALID / "minimal.yaml", _INVALID / "unknown_key.yaml", _INVALID / "cron_out_of_range.yaml"
    )

    assert run.returncode == 78
    assert [line.split(":")[0] for line in run.stdout.splitlines()] == ["ok tests/config/valid/minimal.yaml"]
    lines = run.stderr.splitlines()
    assert lines[0].startswith(
        "tests/config/invalid/unknown_key.yaml:4: ownr: unknown key 'ownr'; did you mean 'owner'? (allowed: owner,"
    )
    assert lines[1].startswith(
        "tests/config/invalid/cron_out_of_range.yaml:5: schedule.cron: must be a five-field cron"
    )
    assert lines[2:] == ["", "2 of 3 declarations wrong"]


def test_every_mistake_is_shown_however_many_there_are(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("".join(f"key_{number}: 1\n" for number in range(40)), encoding="utf-8")

    run = _retrainer("check", path)

    assert run.returncode == 78
    assert sum(f"{path}:" in line for line in run.stderr.splitlines()) >= 40


@pytest.mark.parametrize(("name", "message"), [("absent", "no such file or folder"), ("empty", "holds no declaration")])
def test_nothing_to_check_is_a_mistake_too(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "empty").mkdir()

    run = _retrainer("check", tmp_path / name)

    assert run.returncode == 78
    assert message in run.stderr
    assert "Traceback" not in run.stderr


def test_ten_declarations_are_checked_in_under_two_seconds(tmp_path: Path) -> None:
    models = _project(tmp_path, 10)
    _retrainer("check", models)  # writes the bytecode
    taken = []
    for _ in range(3):
        started = time.monotonic()
        run = _retrainer("check", models)
        taken.append(time.monotonic() - started)
        assert run.returncode == 0, run.stderr
        assert len(run.stdout.splitlines()) == 10

    assert min(taken) < 2


@pytest.mark.parametrize("command", ["check", "schema"])
def test_no_heavy_library_is_imported(command: str) -> None:
    program = (
        "import sys\n"
        "from retrainer.cli.main import retrainer\n"
        f"retrainer([{command!r}], standalone_mode=False)\n"
        f"print('IMPORTED', [name for name in {_HEAVY!r} if name in sys.modules])\n"
    )

    run = subprocess.run(
        [sys.executable, "-c", program], cwd=_ROOT, capture_output=True, text=True, timeout=60, check=False
    )

    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1] == "IMPORTED []"


def test_the_schema_command_prints_the_json_schema() -> None:
    run = _retrainer("schema")

    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["title"] == "ModelConfig"
    assert run.stdout == (_ROOT / "config" / "model.schema.json").read_text(encoding="utf-8")
