"""SIGKILL in the middle of archive: the next one ends in the state of an undisturbed one."""

from datetime import UTC, datetime, timedelta

import pytest

from retrainer.contracts import Interval, NewEntry, TableRef
from retrainer.deployment import standing
from retrainer.registry import ARCHIVED
from tests.worlds import World, run_killed, small_config

AS_OF = datetime(2013, 6, 3, 4, tzinfo=UTC)


@pytest.fixture
def world(tmp_path, monkeypatch) -> World:
    """Five versions with a file each, the newest is champion; two are kept."""
    monkeypatch.chdir(tmp_path)
    config = small_config()
    deployment = config.deployment.model_copy(update={"keep_versions": 2})
    made = World(tmp_path, config.model_copy(update={"deployment": deployment}))
    made.versions.ensure_model("test")
    window = Interval(start=AS_OF, end=AS_OF + timedelta(days=1))
    ref = TableRef(table="features", uri="features", version=1, window=window, rows=1, digest="0" * 64)
    for number in range(1, 6):
        folder = tmp_path / "models" / str(number)
        folder.mkdir(parents=True)
        (folder / "model.skops").write_bytes(b"0123456789")
        (folder / "MLmodel").write_bytes(b"01234")
        tags = {"retrainer.features": ref.to_json(), "retrainer.snapshot": "[]"}
        made.versions.register(source=folder.as_uri(), run_id="", identity=str(number), tags=tags, description="")
        entry = NewEntry(
            model=config.name,
            action="promote",
            version=number,
            previous_version=number - 1 or None,
            champion_version=number,
            as_of=AS_OF + timedelta(days=number),
            identity=str(number),
            actor="test",
            reason="test",
            evidence={},
        )
        made.ledger.append(entry, after=number - 1)
    return made


@pytest.mark.parametrize(
    ("at", "entered", "files"),
    [
        ("before retrainer.ledger:Ledger.append", 0, 5),
        ("after retrainer.ledger:Ledger.append", 1, 5),
        ("before retrainer.steps.archive:delete_files", 3, 5),
        ("after retrainer.steps.archive:delete_files", 3, 4),
        ("after mlflow:MlflowClient.set_model_version_tag", 3, 4),
        ("before retrainer.steps.archive:vacuum_model", 3, 2),
        ("before retrainer.steps.archive:remove_staging", 3, 2),
    ],
)
def test_the_next_archive_finishes_what_a_killed_one_began(world, at, entered, files):
    assert run_killed(world, world.request("archive", AS_OF, {}), at=at) == -9
    ledger = standing(world.ledger.entries(world.config.name))
    assert len(ledger.archived) == entered
    folders = sorted((world.home / "models").iterdir())
    assert len(folders) == files
    done = world.run("archive", AS_OF, {})
    assert done.kept == {4: "previous: a rollback goes to it", 5: "champion"}
    assert [path.name for path in sorted((world.home / "models").iterdir())] == ["4", "5"]
    entries = world.ledger.entries(world.config.name)
    assert [(entry.sequence, entry.action, entry.version) for entry in entries[5:]] == [
        (6, "archive", 1),
        (7, "archive", 2),
        (8, "archive", 3),
    ]
    assert [version.version for version in world.versions.all() if ARCHIVED in version.tags] == [1, 2, 3]


def test_half_deleted_files_are_deleted_by_the_next_archive(world):
    request = world.request("archive", AS_OF, {})
    assert run_killed(world, request, at="before retrainer.steps.archive:delete_files") == -9
    (world.home / "models" / "1" / "model.skops").unlink()
    assert world.run("archive", AS_OF, {}).archived == (1, 2, 3)
    assert [path.name for path in sorted((world.home / "models").iterdir())] == ["4", "5"]
