"""Where the local Airflow sends its lineage events."""

import json
import stat
from pathlib import Path

import pytest

from retrainer.config.runtime import load_settings
from retrainer.stack.environment import airflow_environment, lineage_file

TRANSPORT = "AIRFLOW__OPENLINEAGE__TRANSPORT"


def environment_of(home: Path, **variables: str) -> dict[str, str]:
    return airflow_environment(load_settings({"RETRAINER_HOME": str(home), **variables}, home))


def test_lineage_is_appended_to_a_file_that_nobody_else_can_read(tmp_path: Path) -> None:
    transport = json.loads(environment_of(tmp_path)[TRANSPORT])

    file = tmp_path / "lineage" / "events.jsonl"
    assert transport == {"type": "file", "log_file_path": str(file), "append": True}
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert lineage_file(load_settings({"RETRAINER_HOME": str(tmp_path)}, tmp_path)) == file


def test_the_namespace_is_ours_and_source_code_stays_out(tmp_path: Path) -> None:
    environment = environment_of(tmp_path)

    assert environment["AIRFLOW__OPENLINEAGE__NAMESPACE"] == "retrainer"
    everywhere = json.loads(environment["AIRFLOW__OPENLINEAGE__EMISSION_POLICY"])[0]
    assert everywhere == {"scope": {}, "controls": {"include_source_code": False}}


@pytest.mark.parametrize(
    "name",
    [
        TRANSPORT,
        "AIRFLOW__OPENLINEAGE__CONFIG_PATH",
        "AIRFLOW__OPENLINEAGE__CONFIG_CONN_ID",
        "OPENLINEAGE_URL",
        "OPENLINEAGE__TRANSPORT__TYPE",
    ],
)
def test_who_sends_lineage_elsewhere_is_left_alone(name: str, tmp_path: Path) -> None:
    environment = environment_of(tmp_path, **{name: "theirs"})

    assert environment[name] == "theirs"
    assert name == TRANSPORT or TRANSPORT not in environment


def test_any_one_setting_can_be_overridden(tmp_path: Path) -> None:
    environment = environment_of(tmp_path, AIRFLOW__OPENLINEAGE__NAMESPACE="air")

    assert environment["AIRFLOW__OPENLINEAGE__NAMESPACE"] == "air"
    assert TRANSPORT in environment
