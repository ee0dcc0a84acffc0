"""What a server finds in online tables: the value that counts for a row's key at its time, or nothing."""

import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from retrainer.online import Online, OnlineTables, online_folder
from tests.unit.online.some_tables import DEFINITION, OTHER, at, numbers, rate, texts, times, write_table

ALL = np.array([True])


def rates(tables: OnlineTables, regions: np.ndarray, ordered: np.ndarray, **more: object) -> list[float | None]:
    """The rates that are found for these regions at these times; None where missing."""
    count = len(regions)
    columns = {"region": regions, "ordered_at": ordered, "rates__rate": np.full(count, np.nan)}
    found = tables.fill(columns, {"rates__rate": np.ones(count, bool)}, **more)["rates__rate"]
    assert found.dtype == np.float64
    return [None if np.isnan(value) else value for value in found.tolist()]


@pytest.fixture
def tables(tmp_path: Path) -> OnlineTables:
    write_table(
        tmp_path,
        [rate("north", 0, 6, 1.0), rate("north", 2, 8, 2.0), rate("north", 3, 9, None), rate("south", 1, 7, 5.0)],
    )
    return OnlineTables(tmp_path)


@pytest.mark.parametrize(
    ("region", "hours", "expected"),
    [
        ("north", -0.001, None),
        ("north", 0, 1.0),
        ("north", 1.999, 1.0),
        ("north", 2, 2.0),
        ("north", 3, None),  # the latest one counts, even where it has no value
        ("south", 0.5, None),
        ("south", 7, 5.0),
        ("south", 7.001, None),
        ("south", 100, None),
        ("east", 2, None),
        (None, 2, None),
        ("south", None, None),
    ],
)
def test_the_latest_value_of_the_key_at_the_time_counts_unless_it_is_too_old(
    tables: OnlineTables, region: str | None, hours: float | None, expected: float | None
) -> None:
    assert rates(tables, texts(region), times(hours)) == [expected]


def test_many_rows_get_a_value_each(tables: OnlineTables) -> None:
    found = rates(tables, texts("north", "south", "west", "north"), times(1, 2, 3, 2))

    assert found == [1.0, 5.0, None, 2.0]


def test_no_rows_give_no_values(tables: OnlineTables) -> None:
    assert rates(tables, texts(), times()) == []


def test_what_was_sent_stays_and_only_what_was_not_is_looked_up(tables: OnlineTables) -> None:
    columns = {"region": texts("north", "south"), "ordered_at": times(1, 2), "rates__rate": numbers(9.0, np.nan)}

    filled = tables.fill(columns, {"rates__rate": np.array([False, True])})

    assert filled["rates__rate"].tolist() == [9.0, 5.0]
    assert columns["rates__rate"][0] == 9.0
    assert np.isnan(columns["rates__rate"][1])


def test_columns_that_nobody_misses_and_columns_without_a_table_stay_as_they_are(tables: OnlineTables) -> None:
    columns = {"region": texts("north"), "ordered_at": times(1), "rates__rate": numbers(9), "other": numbers(np.nan)}

    filled = tables.fill(columns, {"other": ALL})

    assert filled.keys() == columns.keys()
    assert all(filled[name] is columns[name] for name in columns)


def test_a_row_without_the_columns_to_look_up_by_finds_nothing(tables: OnlineTables) -> None:
    columns = {"ordered_at": times(1), "rates__rate": numbers(np.nan)}

    assert np.isnan(tables.fill(columns, {"rates__rate": ALL})["rates__rate"][0])


def test_keys_may_be_looked_up_by_as_well(tables: OnlineTables) -> None:
    columns = {"ordered_at": times(1), "rates__rate": numbers(np.nan)}

    filled = tables.fill(columns, {"rates__rate": ALL}, keys={"region": texts("north")})

    assert filled["rates__rate"].tolist() == [1.0]
    assert filled.keys() == columns.keys()


def test_a_row_without_an_event_time_is_looked_up_as_of_now(tmp_path: Path) -> None:
    write_table(tmp_path, [rate("north", 0, 6, 1.0)])
    columns = {"region": texts("north"), "rates__rate": numbers(np.nan)}
    for hours, expected in ((1, [1.0]), (7, [None])):
        tables = OnlineTables(tmp_path, clock=lambda hours=hours: at(hours).timestamp())
        found = tables.fill(columns, {"rates__rate": ALL})["rates__rate"].tolist()
        assert [None if np.isnan(value) else value for value in found] == expected


def test_a_key_may_have_several_columns_of_any_type(tmp_path: Path) -> None:
    span = {"since": at(0), "until": at(9)}
    rows = [
        {"shop": 2**60 + 1, "express": True, "day": at(0), **span, "rate": 1.0},
        {"shop": 2**60 + 3, "express": True, "day": at(0), **span, "rate": 2.0},
        {"shop": 7, "express": False, "day": at(1), **span, "rate": 3.0},
    ]
    write_table(tmp_path, rows, by=("shop", "express", "day"))
    columns = {"express": numbers(1, 1, 0, 0), "day": times(0, 0, 1, 0), "ordered_at": times(1, 1, 1, 1)}
    nothing = {"rate": np.full(4, np.nan)}

    exact = {"shop": np.array([2**60 + 1, 2**60 + 3, 7, 7], object)}
    found = OnlineTables(tmp_path).fill({**columns, **nothing, **exact}, {"rate": np.ones(4, bool)})["rate"]

    assert found[:3].tolist() == [1.0, 2.0, 3.0]
    assert np.isnan(found[3])


def test_a_whole_number_that_came_as_a_float_is_the_same_key(tmp_path: Path) -> None:
    write_table(tmp_path, [{"shop": 7, "since": at(0), "until": at(9), "rate": 3.0}], by=("shop",))
    columns = {"shop": numbers(7, np.nan), "ordered_at": times(1, 1), "rate": numbers(np.nan, np.nan)}

    found = OnlineTables(tmp_path).fill(columns, {"rate": np.ones(2, bool)})["rate"]

    assert found[0] == 3.0
    assert np.isnan(found[1])


def test_values_may_be_texts_times_booleans_and_whole_numbers(tmp_path: Path) -> None:
    span = {"since": at(0), "until": at(9)}
    rows = [
        {"region": "north", **span, "name": "Zürich\0", "opened": at(-1), "big": True, "size": 3},
        {"region": "south", **span, "name": None, "opened": None, "big": None, "size": None},
    ]
    write_table(tmp_path, rows)
    names = ("name", "opened", "big", "size")
    columns = {"region": texts("north", "south", "west"), "ordered_at": times(1, 1, 1)}
    empty = {"name": texts(None, None, None), "opened": times(None, None, None)}
    empty |= {"big": np.full(3, np.nan), "size": np.full(3, np.nan)}

    filled = OnlineTables(tmp_path).fill({**columns, **empty}, dict.fromkeys(names, np.ones(3, bool)))

    assert filled["name"].tolist() == ["Zürich\0", None, None]
    assert filled["name"].dtype == object
    assert np.array_equal(filled["opened"], times(-1, None, None), equal_nan=True)
    assert filled["opened"].dtype == np.dtype("datetime64[us]")
    assert np.array_equal(filled["big"], [1, np.nan, np.nan], equal_nan=True)
    assert np.array_equal(filled["size"], [3, np.nan, np.nan], equal_nan=True)
    assert filled["big"].dtype == filled["size"].dtype == np.float64


def test_without_any_table_nothing_is_filled(tmp_path: Path) -> None:
    assert rates(OnlineTables(tmp_path / "none"), texts("north"), times(1)) == [None]


def test_an_empty_table_knows_nothing(tmp_path: Path) -> None:
    write_table(tmp_path, [])

    assert rates(OnlineTables(tmp_path), texts("north"), times(1)) == [None]


def test_a_newer_table_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    write_table(tmp_path, [rate("north", 0, 6, 1.0)])
    tables = OnlineTables(tmp_path)
    assert not tables.refresh()
    write_table(tmp_path, [rate("north", 0, 6, 2.0)], as_of=at(1))

    assert rates(tables, texts("north"), times(1)) == [1.0]
    assert tables.refresh()
    assert rates(tables, texts("north"), times(1)) == [2.0]
    assert [name.as_of for name in tables.names()] == [at(1)]


def test_a_table_that_was_corrected_under_the_same_name_is_read_again(tmp_path: Path) -> None:
    write_table(tmp_path, [rate("north", 0, 6, 1.0)])
    tables = OnlineTables(tmp_path)
    write_table(tmp_path, [rate("north", 0, 6, 2.0)])
    (file,) = tmp_path.iterdir()
    os.utime(file, ns=(1, 1))

    assert tables.refresh()
    assert rates(tables, texts("north"), times(1)) == [2.0]


@pytest.mark.parametrize("content", [b"", b"\x80", b"nonsense", None], ids=["empty", "no table", "nonsense", "half"])
def test_a_file_that_cannot_be_read_leaves_what_was_read_before(
    tmp_path: Path, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    write_table(tmp_path, [rate("north", 0, 6, 1.0)])
    tables = OnlineTables(tmp_path)
    write_table(tmp_path, [rate("north", 0, 6, 2.0)], as_of=at(1))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-9] if content is None else content)

    tables.refresh()

    assert rates(tables, texts("north"), times(1)) == [1.0]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    tables.refresh()
    assert len(caplog.records) == 1


def test_a_folder_that_is_gone_leaves_what_was_read_before(tmp_path: Path) -> None:
    write_table(tmp_path, [rate("north", 0, 6, 1.0)])
    tables = OnlineTables(tmp_path)
    for file in tmp_path.iterdir():
        file.unlink()

    assert not tables.refresh()
    assert rates(tables, texts("north"), times(1)) == [1.0]


def test_files_of_something_else_are_passed_over(tmp_path: Path) -> None:
    write_table(tmp_path, [rate("north", 0, 6, 1.0)])
    for name in ("notes.txt", "lookup-rates.xyz.online1", f"lookup-rates.{DEFINITION}.20260108T120000000000Z.online2"):
        (tmp_path / name).write_text("?")

    assert rates(OnlineTables(tmp_path), texts("north"), times(1)) == [1.0]


def test_a_version_is_answered_from_tables_of_its_own_definition(tmp_path: Path) -> None:
    write_table(tmp_path, [rate("north", 0, 6, 1.0)])
    write_table(tmp_path, [rate("north", 0, 6, 2.0)], definition=OTHER, as_of=at(1))
    tables = OnlineTables(tmp_path)
    asked = (texts("north"), times(1))

    assert rates(tables, *asked) == [2.0]
    assert rates(tables, *asked, definitions={"lookup-rates": DEFINITION}) == [1.0]
    assert rates(tables, *asked, definitions={"lookup-rates": OTHER, "window-rates": DEFINITION}) == [2.0]
    assert rates(tables, *asked, definitions={"lookup-rates": "0" * 16}) == [None]
    assert rates(tables, *asked, definitions={}) == [None]


def test_readers_see_one_set_of_tables_while_newer_ones_come(tmp_path: Path) -> None:
    def publish(value: float) -> None:
        write_table(tmp_path, [rate("north", 0, 6, value), rate("south", 0, 6, value)], as_of=at(value))

    publish(0)
    tables = OnlineTables(tmp_path)
    stop = threading.Event()
    seen: list[list[float | None]] = []

    def ask() -> None:
        while not stop.is_set():
            seen.append(rates(tables, texts("north", "south"), times(1, 1)))

    thread = threading.Thread(target=ask)
    thread.start()
    for number in range(1, 40):
        publish(number)
        tables.refresh()
    stop.set()
    thread.join()

    assert len(seen) > 10
    assert all(north == south is not None for north, south in seen)


def test_the_tables_of_each_model_are_read_again_by_themselves(tmp_path: Path) -> None:
    write_table(online_folder(tmp_path, "one"), [rate("north", 0, 6, 1.0)])
    online = Online(tmp_path, poll_seconds=0.02)
    columns = {"region": texts("north"), "ordered_at": times(1), "rates__rate": numbers(np.nan)}

    def found(model: str) -> float:
        return float(online.fill(model, columns, {"rates__rate": ALL})["rates__rate"][0])

    try:
        assert found("one") == 1.0
        assert np.isnan(found("two"))
        write_table(online_folder(tmp_path, "one"), [rate("north", 0, 6, 2.0)], as_of=at(1))
        write_table(online_folder(tmp_path, "two"), [rate("north", 0, 6, 3.0)])
        deadline = time.monotonic() + 20
        while (found("one"), found("two")) != (2.0, 3.0):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        online.close()


def test_reading_tables_is_light() -> None:
    heavy = ("pandas", "pyarrow", "duckdb", "deltalake", "sklearn", "mlflow", "sqlalchemy")
    code = f"import sys, retrainer.online\nprint(*(name for name in {heavy!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == []
