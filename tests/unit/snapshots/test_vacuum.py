"""Files that no version in use needs are deleted; every version in use reads as before."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable

from retrainer.errors import BadDataError
from retrainer.snapshots import DataPlace, pin, read_again, remove_staging, vacuum, vacuum_model
from tests.unit.snapshots.tables import ALL, KEYS, fill, read

NONE = timedelta(0)
WEEK = timedelta(days=7)


@pytest.fixture
def uri(tmp_path):
    return str(tmp_path / "a table's folder, ä")


def files(uri: str) -> set[str]:
    return {str(path.relative_to(uri)) for path in Path(uri).rglob("*.parquet") if "_delta_log" not in path.parts}


def size(uri: str) -> int:
    return sum(path.stat().st_size for path in Path(uri).rglob("*.parquet") if "_delta_log" not in path.parts)


def test_pinned_versions_and_the_newest_read_as_before_after_130_overwrites(uri):
    refs = {}
    for number in range(130):  # more than 100 commits: Delta writes a checkpoint in between
        version = fill(uri, [number % 5], name=f"v{number}")
        refs[version] = pin(uri, "t", ALL)
    kept = {version: refs[version] for version in (4, 57, 101, 130)}
    rows = {version: read(ref) for version, ref in kept.items()}
    assert vacuum(uri, keep=[4, 57, 101], retention=NONE) > 0
    assert {version: read(ref) for version, ref in kept.items()} == rows
    assert {version: read_again(ref) for version, ref in kept.items()} == kept
    used = {path for version in kept for path in DeltaTable(uri, version=version).file_uris()}
    assert len(files(uri)) == len(used)


def test_a_version_that_nobody_named_can_no_longer_be_read(uri):
    fill(uri, range(5), name="old")
    ref = pin(uri, "t", ALL)
    fill(uri, range(5), name="new")
    vacuum(uri, keep=[], retention=NONE)
    with pytest.raises(BadDataError, match="version 1 of table t can no longer be read"):
        read_again(ref)


def test_what_was_replaced_within_the_retention_stays(uri):
    fill(uri, range(5), name="old")
    ref = pin(uri, "t", ALL)
    fill(uri, range(5), name="new")
    assert vacuum(uri, keep=[], retention=WEEK) == 0
    assert read_again(ref) == ref


def test_the_freed_bytes_are_those_of_the_deleted_files(uri):
    fill(uri, range(5), name="old")
    old = size(uri)
    fill(uri, range(5), name="new")
    total = size(uri)
    assert vacuum(uri, keep=[], retention=NONE) == old
    assert size(uri) == total - old


def test_a_table_with_nothing_to_delete_gets_no_new_version(uri):
    fill(uri, range(5), name="old")
    fill(uri, range(5), name="new")
    vacuum(uri, keep=[], retention=NONE)
    version = DeltaTable(uri).version()
    assert vacuum(uri, keep=[], retention=NONE) == 0
    assert DeltaTable(uri).version() == version


def test_a_pin_does_not_change_because_of_a_vacuum(uri):
    fill(uri, range(5), name="old")
    fill(uri, range(5), name="new")
    before = pin(uri, "t", ALL)
    vacuum(uri, keep=[], retention=NONE)
    assert pin(uri, "t", ALL) == before


def test_versions_that_the_table_does_not_have_are_left_out(uri):
    fill(uri, range(5), name="old")
    fill(uri, range(5), name="new")
    assert vacuum(uri, keep=[99], retention=NONE) > 0


def test_a_file_that_a_killed_writer_left_goes_when_it_is_old_and_one_being_written_stays(uri):
    fill(uri, range(5))
    folder = next(iter(Path(uri).rglob("part-*.parquet"))).parent
    left, young = folder / "left.parquet", folder / "young.parquet"
    for path in (left, young):
        path.write_bytes(b"12345")
    week_ago = (datetime.now(UTC) - timedelta(days=8)).timestamp()
    os.utime(left, (week_ago, week_ago))
    assert vacuum(uri, keep=[], retention=WEEK) == 5
    assert (left.exists(), young.exists()) == (False, True)


def test_a_table_that_is_not_there_is_no_mistake(uri):
    assert vacuum(uri, keep=[1], retention=NONE) == 0


def test_a_models_tables_keep_the_versions_named_for_each_and_another_models_stay_alone(tmp_path):
    place, other = DataPlace(str(tmp_path), "one"), DataPlace(str(tmp_path), "two")
    for uri in (place.snapshot("orders"), place.snapshot("no_longer_declared"), place.features(), other.features()):
        for name in ("old", "new"):
            fill(uri, range(5), name=name)
    vacuum_model(place, keep={"orders": {1}}, retention=NONE)
    counts = [len(files(uri)) for uri in (place.snapshot("orders"), place.snapshot("no_longer_declared"))]
    assert counts == [10, 5]
    assert [len(files(each.features())) for each in (place, other)] == [5, 10]


def test_a_model_without_tables_has_nothing_to_vacuum(tmp_path):
    place = DataPlace(str(tmp_path), "one")
    assert vacuum_model(place, keep={}, retention=NONE) == 0
    assert remove_staging(place, before=datetime.now(UTC)) == 0


def test_staging_tables_of_runs_long_over_are_removed_and_those_of_the_week_stay(tmp_path):
    place = DataPlace(str(tmp_path), "one")
    old, young = (place.staging("orders", key) for key in KEYS[:2])
    for uri in (old, young):
        fill(uri, [0])
    week_ago = (datetime.now(UTC) - timedelta(days=8)).timestamp()
    for path in Path(old).rglob("*"):
        os.utime(path, (week_ago, week_ago))
    freed = sum(path.stat().st_size for path in Path(old).rglob("*") if path.is_file())
    assert remove_staging(place, before=datetime.now(UTC) - WEEK) == freed
    assert (Path(old).exists(), Path(young).exists()) == (False, True)


def test_a_pinned_version_whose_file_was_altered_has_another_digest(uri):
    fill(uri, range(5), name="old")
    ref = pin(uri, "t", ALL)
    before = files(uri)
    fill(uri, range(5), name="new")
    old, new = (Path(uri, sorted(paths)[0]) for paths in (before, files(uri) - before))
    old.write_bytes(new.read_bytes())
    found = read_again(ref)
    assert found.rows == ref.rows
    assert found.digest != ref.digest
