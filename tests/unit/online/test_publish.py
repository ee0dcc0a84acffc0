"""Publishing an online table and copying what was published: the newest counts, and no file is ever half there."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from retrainer.online import OnlineTables
from retrainer.online.file import TableName, newest
from retrainer.online.publish import copy_newest, published
from tests.unit.online.some_tables import DEFINITION, NOON, OTHER, at, rate, write_table

ROWS = [rate("north", 0, 6, 1.0)]


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_name_says_of_what_the_table_is_and_as_of_when() -> None:
    name = TableName.of("window-late_share", DEFINITION, NOON + timedelta(microseconds=7))

    assert name.file == f"window-late_share.{DEFINITION}.20260108T120000000007Z.online1"
    assert TableName.parse(name.file) == name
    assert name.as_of == NOON + timedelta(microseconds=7)


@pytest.mark.parametrize(
    "file", ["", "x", ".part", f"lookup-rates.{DEFINITION}.online1", f"other-rates.{DEFINITION}.20260108T1200Z.online1"]
)
def test_another_name_is_that_of_no_table(file: str) -> None:
    assert TableName.parse(file) is None


def test_a_newer_table_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    assert write_table(tmp_path, ROWS)
    assert write_table(tmp_path, ROWS, as_of=at(1))

    assert [name.as_of for name in published(str(tmp_path))] == [at(1)]
    assert len(files(tmp_path)) == 1


def test_an_older_table_is_not_published(tmp_path: Path) -> None:
    write_table(tmp_path, ROWS)

    assert not write_table(tmp_path, [rate("north", 0, 6, 9.0)], as_of=at(-1))
    assert [name.as_of for name in published(str(tmp_path))] == [NOON]


def test_the_same_table_again_replaces_it(tmp_path: Path) -> None:
    write_table(tmp_path, ROWS)
    before = (tmp_path / files(tmp_path)[0]).read_bytes()
    assert write_table(tmp_path, ROWS)
    assert (tmp_path / files(tmp_path)[0]).read_bytes() == before
    assert len(files(tmp_path)) == 1


def test_tables_do_not_get_into_each_others_way(tmp_path: Path) -> None:
    write_table(tmp_path, ROWS, as_of=at(5))

    assert write_table(tmp_path, ROWS, table="window-rates", as_of=at(1))
    assert write_table(tmp_path, ROWS, table="lookup-rates_of_change", as_of=at(1))
    assert len(published(str(tmp_path))) == 3


def test_a_table_of_another_definition_stays_for_a_week(tmp_path: Path) -> None:
    write_table(tmp_path, ROWS)
    write_table(tmp_path, ROWS, definition=OTHER, as_of=NOON + timedelta(days=6))
    assert [name.definition for name in sorted(published(str(tmp_path)))] == [DEFINITION, OTHER]

    write_table(tmp_path, ROWS, definition=OTHER, as_of=NOON + timedelta(days=8))
    assert [name.definition for name in published(str(tmp_path))] == [OTHER]


def test_of_many_that_publish_at_once_the_newest_counts(tmp_path: Path) -> None:
    threads = [
        threading.Thread(target=write_table, args=(tmp_path, [rate("north", 0, 6, float(n))]), kwargs={"as_of": at(n)})
        for n in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [name.as_of for name in published(str(tmp_path))] == [at(11)]


def test_nothing_is_published_where_there_is_no_folder(tmp_path: Path) -> None:
    assert published(str(tmp_path / "none")) == []
    assert newest([]) == []


def test_a_copy_has_the_newest_tables_and_no_others(tmp_path: Path) -> None:
    uri, copy = str(tmp_path / "published"), tmp_path / "copy"
    write_table(uri, ROWS)
    write_table(uri, ROWS, table="window-share")

    assert copy_newest(uri, copy) == 2
    assert copy_newest(uri, copy) == 0
    write_table(uri, [rate("north", 0, 6, 2.0)], as_of=at(1))
    assert copy_newest(uri, copy) == 1

    assert files(copy) == files(Path(uri))
    assert sorted(name.as_of for name in OnlineTables(copy).names()) == [NOON, at(1)]


def test_a_table_that_was_corrected_is_copied_again(tmp_path: Path) -> None:
    uri, copy = str(tmp_path / "published"), tmp_path / "copy"
    write_table(uri, ROWS)
    copy_newest(uri, copy)
    write_table(uri, [rate("north", 0, 6, 2.0)])

    assert copy_newest(uri, copy) == 1
    (file,) = files(copy)
    assert (copy / file).read_bytes() == (Path(uri) / file).read_bytes()


def test_where_nothing_was_published_the_copy_stays(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    write_table(copy, ROWS)

    assert copy_newest(str(tmp_path / "none"), copy) == 0
    assert len(files(copy)) == 1


def test_a_uri_may_name_its_scheme(tmp_path: Path) -> None:
    uri = f"file://{tmp_path}/published"
    write_table(uri, ROWS)

    assert [name.as_of for name in published(uri)] == [NOON]
    assert copy_newest(uri, tmp_path / "copy") == 1
