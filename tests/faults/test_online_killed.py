"""SIGKILL while online tables are published: a reader finds the old one or the new one, and the retry ends it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from retrainer.config.runtime import RuntimeSettings
from retrainer.online import OnlineTables, online_uri
from retrainer.steps import refresh_online
from tests.factories import day, environment, make_config, make_request, make_settings, small_source

KILL_AT = Path(__file__).with_name("kill_at.py")
CONFIG = make_config(serving={})

AT = [
    "after retrainer.steps.source_rows:_load",
    "before retrainer.steps.publish_online:write_file",
    "before retrainer.snapshots.place:os.fsync",
    "after retrainer.steps.publish_online:write_file",
    "before retrainer.online.publish:_remove",
    "after retrainer.steps.publish_online:publish",
]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return small_source(tmp_path / "source.sqlite", days=range(8))


@pytest.fixture
def settings(tmp_path: Path, source: Path) -> RuntimeSettings:
    return make_settings(tmp_path, source)


def tables(settings: RuntimeSettings) -> dict[str, bytes]:
    folder = Path(online_uri(settings.data_uri, CONFIG.name))
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}


@pytest.mark.parametrize("at", AT)
def test_a_refresh_that_is_killed_is_finished_by_the_next(
    tmp_path: Path, settings: RuntimeSettings, source: Path, at: str
) -> None:
    before = make_request("refresh_online", CONFIG, interval=day(6))
    request = make_request("refresh_online", CONFIG, interval=day(7))
    refresh_online.run(before, settings)
    old = tables(settings)
    done = subprocess.run(
        [sys.executable, str(KILL_AT), at, request.step],
        input=request.to_json(),
        env=os.environ | environment(tmp_path, source) | {"TMPDIR": str(tmp_path)},  # it cannot clean up
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, f"{at} was never reached"

    read = OnlineTables(Path(online_uri(settings.data_uri, CONFIG.name)))
    assert {name.table for name in read.names()} == {"lookup-rates", "window-region_late"}
    refresh_online.run(request, settings)

    new = tables(settings)
    assert len(new) == 2
    assert not old.keys() & new.keys()
    assert {name.as_of for name in OnlineTables(Path(online_uri(settings.data_uri, CONFIG.name))).names()} == {
        day(7).end
    }
