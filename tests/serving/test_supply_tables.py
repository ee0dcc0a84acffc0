"""Online tables reach the server's home; where they cannot be had, it goes on with those that it has."""

import logging

from retrainer.online import online_folder, online_uri
from retrainer.serving.supply.outages import Outages
from retrainer.serving.supply.tables import OnlineCopies
from tests.unit.online.some_tables import at, rate, write_table


def names(folder):
    return sorted(path.name for path in folder.glob("*"))


def test_the_newest_tables_are_copied_and_replace_older_ones(tmp_path):
    data, home = tmp_path / "data", tmp_path / "home"
    copies = OnlineCopies(str(data), home, Outages())
    copies.copy("taxi")
    assert names(online_folder(home, "taxi")) == []
    write_table(online_uri(str(data), "taxi"), [rate("north", 0, 1, 2.0)])
    copies.copy("taxi")
    first = names(online_folder(home, "taxi"))
    write_table(online_uri(str(data), "taxi"), [rate("north", 1, 2, 3.0)], as_of=at(1))
    copies.copy("taxi")
    second = names(online_folder(home, "taxi"))
    assert len(first) == len(second) == 1
    assert first != second


def test_a_store_that_is_down_is_said_once_and_leaves_what_is_there(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    data, home, outages = tmp_path / "data", tmp_path / "home", Outages()
    write_table(online_uri(str(data), "taxi"), [rate("north", 0, 1, 2.0)])
    OnlineCopies(str(data), home, outages).copy("taxi")
    before = names(online_folder(home, "taxi"))
    nowhere = OnlineCopies("nosuchscheme://bucket", home, outages)
    for _ in range(3):
        nowhere.copy("taxi")
    assert names(online_folder(home, "taxi")) == before
    OnlineCopies(str(data), home, outages).copy("taxi")
    said = [record.getMessage().partition(";")[0] for record in caplog.records if "store" in record.getMessage()]
    assert said == ["the store of online tables is down", "the store of online tables is back"]


def test_a_running_server_gets_tables_that_are_published_later(served, server):
    served.promote(served.version(), server)
    uri = online_uri(str(served.home / "data"), served.model)
    write_table(uri, [rate("north", 0, 1, 2.0)])
    server.wait(lambda: names(online_folder(served.home, served.model)))
