"""archive: what is needed keeps its files, everything else loses them, and the ledger says so first."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from retrainer.contracts import Archive, Interval, NewEntry, TableRef
from retrainer.deployment import standing
from retrainer.errors import BadDataError, LedgerConflictError
from retrainer.ledger import Ledger
from retrainer.registry import ARCHIVED, PINNED, load_model
from retrainer.scoring import scored_uri
from retrainer.snapshots import read_again
from retrainer.steps.archive import archive, run
from tests.worlds import World, small_config

FIRST = datetime(2013, 6, 3, 4, tzinfo=UTC)
NONE = timedelta(0)


@pytest.fixture
def world(tmp_path, monkeypatch) -> World:
    monkeypatch.chdir(tmp_path)  # a local MLflow store keeps its artifacts under the working folder
    (tmp_path / "home").mkdir()
    config = small_config()
    return World(tmp_path / "home", config.model_copy(update={"deployment": _keeping(config, 2)}))


def _keeping(config, versions: int):
    return config.deployment.model_copy(update={"keep_versions": versions})


def tags(number: int) -> dict[str, str]:
    """What the registry says of the data of a version: feature table version `number`, no snapshot."""
    window = Interval(start=FIRST, end=FIRST + timedelta(days=1))
    ref = TableRef(table="features", uri="features", version=number, window=window, rows=1, digest="0" * 64)
    return {"retrainer.features": ref.to_json(), "retrainer.snapshot": "[]"}


def put(world: World, *numbers: int) -> None:
    """Register versions whose only file has 10 bytes."""
    world.versions.ensure_model("test")
    for number in numbers:
        folder = world.home / "models" / str(number)
        folder.mkdir(parents=True)
        (folder / "model.skops").write_bytes(b"0123456789")
        version = world.versions.register(
            source=folder.as_uri(), run_id="", identity=f"v{number}", tags=tags(number), description=""
        )
        assert version.version == number


def enter(world: World, action: str, version: int) -> None:
    """An entry about a version, as deploy or rollback would write it."""
    entries = world.ledger.entries(world.config.name)
    as_of = FIRST + timedelta(days=version)
    champion = version if action in ("promote", "rollback") else standing(entries).champion
    entry = NewEntry(
        model=world.config.name,
        action=action,
        version=version,
        previous_version=standing(entries).champion,
        champion_version=champion,
        as_of=as_of,
        identity=f"{len(entries)}",
        actor="test",
        reason="test",
        evidence={"percent": 10} if action == "split" else {},
    )
    world.ledger.append(entry, after=len(entries))


def request(world: World):
    return world.request("archive", FIRST, {})


def archived(world: World) -> Archive:
    return archive(request(world), world.settings, retention=NONE)


def with_files(world: World) -> list[int]:
    return sorted(int(path.parent.name) for path in (world.home / "models").rglob("model.skops"))


def test_what_is_needed_is_kept_with_the_reason_and_the_rest_goes(world):
    put(world, *range(1, 10))
    for version in (1, 2, 3, 4, 5, 6, 8, 9):
        enter(world, "promote" if version in (1, 2, 3) else "reject", version)
    world.versions.tag(4, {PINNED: "true"})
    world.versions.tag(6, {PINNED: "false"})
    world.versions.set_alias("shadow", 5)
    done = archived(world)
    assert done.kept == {
        2: "previous: a rollback goes to it",
        3: "champion",
        4: "pinned by the tag retrainer.pinned",
        5: "alias shadow",
        7: "not decided yet",
        8: "one of the newest 2",
        9: "one of the newest 2",
    }
    assert done.archived == (1, 6)
    assert with_files(world) == [2, 3, 4, 5, 7, 8, 9]
    assert done.freed_bytes == 20


def test_a_version_on_trial_is_kept_and_one_whose_trial_has_ended_is_like_any_other(world):
    put(world, *range(1, 8))
    for action, version in (("promote", 1), ("split", 2), ("promote", 3), ("shadow", 4), ("split", 5)):
        enter(world, action, version)
    enter(world, "reject", 6)
    enter(world, "reject", 7)
    done = archived(world)
    on_trial = "on trial: it gets a share of the traffic, or answers in the shadow"
    assert {number: done.kept[number] for number in (4, 5)} == dict.fromkeys((4, 5), on_trial)
    assert done.archived == (2,)


def test_the_ledger_and_the_registry_say_what_was_archived_and_the_champion_stays(world):
    put(world, 1, 2, 3, 4)
    for version in (1, 2, 3, 4):
        enter(world, "promote", version)
    archived(world)
    last = [entry for entry in world.ledger.entries(world.config.name) if entry.action == "archive"][-1]
    assert (last.version, last.champion_version, last.previous_version, last.actor) == (2, 4, 3, "maintenance")
    assert last.reason == "v2 is not one of the newest 2 versions, and nothing else needs its files"
    assert last.as_of == FIRST + timedelta(days=2)
    assert world.versions.get(2).tags[ARCHIVED] == last.created_at.isoformat()
    assert standing(world.ledger.entries(world.config.name)).archived == {1, 2}


def test_a_second_archive_changes_nothing(world):
    put(world, 1, 2, 3, 4)
    for version in (1, 2, 3, 4):
        enter(world, "promote", version)
    first = archived(world)
    entries = world.ledger.entries(world.config.name)
    again = archived(world)
    assert (again.archived, again.freed_bytes, again.kept) == ((), 0, first.kept)
    assert world.ledger.entries(world.config.name) == entries


def test_after_a_rollback_the_version_before_the_new_champion_is_kept(world):
    put(world, *range(1, 7))
    for version in (1, 2, 3):
        enter(world, "promote", version)
    for version in (4, 5, 6):
        enter(world, "reject", version)
    enter(world, "rollback", 2)
    assert archived(world).kept.keys() == {1, 2, 5, 6}


def between_reading_and_writing(monkeypatch, act, *, times: int = 1) -> None:
    """Somebody else acts just before an entry is appended."""
    plain, left = Ledger.append, [times]

    def append(self, entry, *, after):
        if entry.action == "archive" and left[0]:
            left[0] -= 1
            act(entry.version)
        return plain(self, entry, after=after)

    monkeypatch.setattr(Ledger, "append", append)


def test_a_version_that_becomes_champion_meanwhile_is_not_archived(world, monkeypatch):
    put(world, 1, 2, 3, 4)
    for version in (1, 2, 3, 4):
        enter(world, "promote", version)
    between_reading_and_writing(monkeypatch, lambda version: enter(world, "rollback", version))
    done = archived(world)
    assert done.kept[1] == "champion"
    assert done.archived == (2,)
    assert with_files(world) == [1, 3, 4]


def test_when_others_come_first_every_time_nothing_is_deleted(world, monkeypatch):
    put(world, 1, 2, 3, 4)
    for version in (1, 2, 3, 4):
        enter(world, "promote", version)
    between_reading_and_writing(monkeypatch, lambda _: enter(world, "reject", 3), times=100)
    with pytest.raises(LedgerConflictError):
        archived(world)
    assert with_files(world) == [1, 2, 3, 4]


def test_a_model_without_versions_has_nothing_to_archive(world):
    done = run(request(world), world.settings)
    assert (done.archived, done.kept, done.freed_bytes) == ((), {}, 0)


def test_a_version_registered_by_hand_is_kept_and_stops_nothing(world):
    world.versions.ensure_model("test")
    from retrainer.steps.tracking import connect_tracking

    connect_tracking(world.settings).client.create_model_version(world.config.name, "file:///by/hand")
    assert archived(world).kept == {1: "not decided yet"}


def test_while_a_kept_version_does_not_name_its_data_none_are_deleted(world):
    put(world, 1)
    enter(world, "promote", 1)
    world.versions.tag(1, {"retrainer.snapshot": "by hand"})
    for signal in (1.0, 2.0):
        world.features(FIRST, signal=signal)
    with pytest.raises(BadDataError, match="the record of v1 of flight_delay is not whole"):
        archived(world)
    assert len(list(Path(world.settings.data_uri).rglob("part-*.parquet"))) == 34


def test_data_of_kept_versions_are_read_as_before_and_those_of_archived_ones_go(world):
    as_ofs = [FIRST + timedelta(days=7 * number) for number in range(4)]
    pinned, models = [], []
    for number, as_of in enumerate(as_ofs):
        pinned.append(world.features(as_of, signal=2.0 if number % 2 == 0 else -3.0, seed=number))
        models.append(world.release(as_of, pinned[-1])["register"].version)
    kept = set(archived(world).kept)
    assert kept == {3, 4} | {
        standing(world.ledger.entries(world.config.name)).champion,
        standing(world.ledger.entries(world.config.name)).previous,
    }
    gone = sorted({1, 2, 3, 4} - kept)
    assert gone
    for number in kept:
        version = world.versions.get(number)
        assert read_again(pinned[number - 1].table) == pinned[number - 1].table
        load_model(version.source, digest=version.digest)
    for number in gone:
        with pytest.raises(BadDataError):
            read_again(pinned[number - 1].table)


def test_predictions_that_were_replaced_go_and_those_that_are_there_now_stay(world):
    uri = scored_uri(world.settings.data_uri, world.config.name)
    for version in (1, 2):
        write_deltalake(uri, pa.table({"prediction": [0.5], "version": [version]}), mode="overwrite")
    archived(world)
    assert len(list(Path(uri).glob("*.parquet"))) == 1
    assert DeltaTable(uri).to_pyarrow_table()["version"].to_pylist() == [2]
