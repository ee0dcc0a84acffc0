"""Files are whole or not there."""

import pytest

from retrainer.snapshots.place import DataPlace, file_names, local_path, read_file, remove_folder, write_file


def test_a_file_is_replaced_as_a_whole_and_leaves_nothing_else(tmp_path):
    uri = str(tmp_path / "a" / "b.json")
    write_file(uri, b"one")
    write_file(uri, b"two")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.json"]
    assert (tmp_path / "a" / "b.json").read_bytes() == b"two"


def test_a_write_that_fails_leaves_the_old_file_and_no_part(tmp_path, monkeypatch):
    uri = str(tmp_path / "b.json")
    write_file(uri, b"one")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("retrainer.snapshots.place.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_file(uri, b"two")
    assert [path.name for path in tmp_path.iterdir()] == ["b.json"]
    assert (tmp_path / "b.json").read_bytes() == b"one"


def test_removing_a_folder_says_whether_it_was_there(tmp_path):
    write_file(str(tmp_path / "q" / "x"), b"")
    assert remove_folder(str(tmp_path / "q"))
    assert not remove_folder(str(tmp_path / "q"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("uri", "local"), [("/a/b", True), ("file:///a/b", True), ("s3://bucket/a", False), ("abfss://c@a/b", False)]
)
def test_only_paths_and_file_uris_are_local(uri, local):
    assert (local_path(uri) is not None) == local


def test_everything_of_a_model_lies_under_the_data_folder_and_its_name():
    place = DataPlace("s3://bucket/data/", "m")
    assert place.snapshot("t") == "s3://bucket/data/m/snapshots/t"
    assert place.quarantine("t", "2026-01-01T00:00:00Z") == "s3://bucket/data/m/quarantine/t/2026-01-01T00:00:00Z"


def test_what_was_written_is_read_and_what_is_not_there_is_none(tmp_path):
    write_file(str(tmp_path / "a" / "b.bin"), b"one")
    assert read_file(str(tmp_path / "a" / "b.bin")) == b"one"
    assert read_file(str(tmp_path / "a" / "c.bin")) is None
    assert read_file(str(tmp_path / "a")) is None


def test_the_files_of_a_folder_are_listed_in_order_without_its_folders(tmp_path):
    for name in ("b.json", "a.json", "folder/c.json"):
        write_file(str(tmp_path / name), b"{}")
    assert file_names(str(tmp_path)) == ["a.json", "b.json"]
    assert file_names(str(tmp_path / "nowhere")) == []
