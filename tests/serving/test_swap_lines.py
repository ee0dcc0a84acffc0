"""Exchanging lines, in this process: what is kept, what goes, and what is taken up again at the next start."""

import asyncio
import gc
import json
import logging
import math
import shutil
import weakref

import numpy as np
import pytest

from retrainer.contracts import Assignment, InputField, Refusal
from retrainer.serving import swap
from retrainer.serving.ask import Versions
from retrainer.serving.loading import Loaded
from retrainer.serving.local_copy import ASSIGNMENT_FILE, SPEC_FILE, copy_name, seal
from retrainer.serving.metrics import Metrics
from retrainer.serving.predictor import complete, missing_values
from retrainer.serving.slot import Slots
from retrainer.serving.supply.messages import Supplied, wanted_versions
from retrainer.serving.swap import Swapper
from retrainer.serving.tools import Tools
from tests.serving.flights import FLIGHT, body_of, flight
from tests.serving.world import Api, Known, Made, flight_spec
from tests.worlds import PROJECT

MODEL = "flight_delay"


class Loads:
    """In the place of the loader: makes a predictor for each version, but for those in `wrong` and `broken`."""

    def __init__(self):
        self.loaded = []
        self.wrong = set()
        self.unreachable = False
        self.specs = {}

    def load(self, supplied, line, refused, *, timed):
        found = Loaded({each.spec.version: each for each in line.predictors()} if line else {}, dict(refused))
        for version in wanted_versions(supplied.assignment):
            if version in found.predictors or version in found.refused or supplied.assignment.off:
                continue
            if self.unreachable:
                raise ConnectionError("a candidate could not be asked")
            if version in self.wrong:
                sequence = supplied.assignment.sequence
                found.refused[version] = Refusal(version=version, sequence=sequence, reason="wrong")
                continue
            self.loaded.append(version)
            found.predictors[version] = Made(self.specs.get(version) or flight_spec(version))
        return found


class World:
    """A swapper and what it works on."""

    def __init__(self, folder):
        self.folder, self.slots, self.loads, self.metrics = folder, Slots(), Loads(), Metrics()
        self.swapper = Swapper(self.slots, folder, self.loads, self.metrics)

    @property
    def slot(self):
        return self.slots.get(MODEL)

    def carry_out(self, sequence, champion, **wish):
        """What the supply would say, with copies of all versions that it names."""
        assignment = Assignment.model_validate({"model": MODEL, "sequence": sequence, "champion": champion, **wish})
        folders = {version: self.copy(version) for version in wanted_versions(assignment)}
        asyncio.run(self.swapper.carry_out(Supplied(assignment=assignment, folders=folders, rule=champion)))
        return self.slot.status()

    def copy(self, version):
        folder = self.folder / MODEL / copy_name(version, flight_spec(version).digest)
        if not folder.exists():
            shutil.copytree(
                PROJECT / "include" / "models", folder / "code" / "models", ignore=shutil.ignore_patterns("__pycache__")
            )
            (folder / SPEC_FILE).write_text(flight_spec(version).to_json())
            seal(folder)
        return folder.name

    def kept(self):
        return Supplied.from_json((self.folder / MODEL / ASSIGNMENT_FILE).read_bytes())


@pytest.fixture
def world(tmp_path):
    return World(tmp_path / "serving")


def test_the_old_version_goes_once_no_request_holds_its_line(world):
    world.carry_out(1, 1)
    under_way = world.slot.line
    old = weakref.ref(under_way.champion)
    world.carry_out(2, 2)
    gc.collect()
    assert under_way.champion is old()
    assert under_way.assignment.champion == 1
    del under_way
    gc.collect()
    assert old() is None
    assert world.slot.status().previous == 1


def test_what_was_carried_out_is_taken_up_again_at_the_next_start(world):
    before = world.carry_out(7, 4, shadow=5, reason="better", report_url="report")
    again = World(world.folder)
    assert not again.slots.ready
    asyncio.run(again.swapper.restore())
    after = again.slot.status()
    assert (after.sequence, after.champion.version, after.shadow.version) == (7, 4, 5)
    assert (after.reason, after.report_url, after.since) == (before.reason, before.report_url, before.since)
    assert again.slots.ready


def test_a_version_that_cannot_be_taken_up_again_is_not_refused_for_good(world):
    world.carry_out(1, 4)
    again = World(world.folder)
    again.loads.wrong = {4}
    asyncio.run(again.swapper.restore())
    assert (again.slot.line, again.slot.sequence, again.slot.refused) == (None, 0, ())
    assert not again.slots.ready
    again.loads.wrong = set()
    assert again.carry_out(1, 4).champion.version == 4


def test_a_file_that_cannot_be_read_does_not_keep_other_models_from_serving(world, caplog):
    world.carry_out(1, 4)
    torn = world.folder / "another" / ASSIGNMENT_FILE
    torn.parent.mkdir()
    torn.write_text("{")
    again = World(world.folder)
    asyncio.run(again.swapper.restore())
    assert again.slot.line is not None
    assert "another cannot be taken up again" in caplog.text


def test_a_server_that_could_not_ask_a_candidate_has_refused_nothing(world):
    world.carry_out(1, 1)
    world.loads.unreachable = True
    with pytest.raises(ConnectionError):
        world.carry_out(2, 2)
    status = world.slot.status()
    assert (status.sequence, status.champion.version, status.refused) == (1, 1, ())
    assert world.kept().assignment.sequence == 1
    world.loads.unreachable = False
    assert world.carry_out(2, 2).champion.version == 2


def test_what_was_refused_stays_so_over_a_restart(world):
    world.carry_out(1, 1)
    world.loads.wrong = {2}
    status = world.carry_out(2, 2)
    assert (status.champion.version, status.refused[0].version) == (1, 2)
    assert (world.kept().assignment.champion, world.kept().assignment.sequence) == (1, 2)
    again = World(world.folder)
    asyncio.run(again.swapper.restore())
    assert again.carry_out(2, 2).refused == status.refused
    assert again.loads.loaded == [1]


def test_an_entry_that_asks_for_what_is_there_loads_nothing_and_keeps_counts_and_breaker(world):
    world.carry_out(1, 1)
    breaker, stats, champion = world.slot.line.breaker, world.slot.stats[1], world.slot.line.champion
    stats.answered(0.001)
    status = world.carry_out(2, 1, shadow=3, reason="another reason")
    assert (status.champion.requests, status.reason, status.shadow.version) == (1, "another reason", 3)
    assert world.slot.line.breaker is breaker
    assert world.slot.line.champion is champion
    assert world.loads.loaded == [1, 3]
    line = world.slot.line
    world.carry_out(2, 1, shadow=3, reason="another reason")
    assert world.slot.line is line


def test_a_new_champion_begins_with_a_closed_breaker_and_no_counts(world):
    world.carry_out(1, 1)
    for _ in range(100):
        world.slot.line.breaker.failed()
    assert world.slot.status().breaker == "open"
    assert world.carry_out(2, 2).breaker == "closed"
    assert world.slot.status().champion.requests == 0
    assert set(world.slot.stats) == set(world.slot.since) == {2}


def test_a_split_is_known_by_fields_of_both_versions_and_only_the_champion_s_have_to_be_sent(world):
    spec = flight_spec(2)
    more = spec.fields[0].model_copy(update={"name": "gate", "required": True})
    wider = spec.model_copy(update={"fields": (*spec.fields, more)})
    world.loads.specs[2] = wider
    world.carry_out(1, 1, split={"version": 2, "percent": 10})
    fields = {field.name: field.required for field in world.slot.line.parser.fields}
    assert fields["gate"] is False
    assert {name for name, required in fields.items() if required} == {f.name for f in spec.fields if f.required}


def with_shop(version, role, **types):
    """The example's version, whose records also say which shop: as keys, or as what it reads."""
    spec = flight_spec(version, entity=["shop_no"])
    more = [
        InputField(name=name, type=kind, required=role == "input", role=role, example=None)
        for name, kind in ({"store": "string", "shop_no": "integer"} | types).items()
    ]
    return spec.model_copy(update={"fields": (*spec.fields, *more)})


def test_what_is_a_key_to_the_champion_reaches_a_version_on_trial_that_reads_it(world):
    specs = {1: with_shop(1, "key"), 2: with_shop(2, "input"), 3: with_shop(3, "input", store="float")}
    world.loads.specs = specs
    world.carry_out(1, 1, split={"version": 2, "percent": 50}, shadow=3)
    line = world.slot.line
    sent = [flight(store="A1", shop_no=2**60 + 1), flight(store=None), FLIGHT]
    records = line.parser.parse(body_of(*sent))
    versions = Versions(world.slot, line, Tools(None, None, Known(), world.metrics))

    def read(version):
        columns = complete(versions.known(records, specs[version]), missing_values(specs[version].fields))
        return [columns[name].tolist() for name in ("store", "shop_no") if name in columns]

    assert line.parser.fields == specs[1].fields, "clients send what they have always sent"
    assert read(1) == []
    assert str(read(2)) == str([["A1", None, None], [float(2**60), math.nan, math.nan]])
    assert str(read(3)) == str([[math.nan] * 3, [float(2**60), math.nan, math.nan]]), "a text is no number"
    assert records.keys["shop_no"].tolist() == [2**60 + 1, None, None], "splits and the log have every digit"


def test_the_log_of_a_trial_has_keys_as_they_were_sent(world, tmp_path):
    world.loads.specs = {1: with_shop(1, "key"), 2: with_shop(2, "input")}
    world.carry_out(1, 1, split={"version": 2, "percent": 50}, shadow=2)
    api = Api(tmp_path, slots=world.slots)
    shops = range(2**60, 2**60 + 20)
    with api.client() as client:
        body = body_of(*(flight(shop_no=shop) for shop in shops))
        answer = client.post(f"/v1/models/{MODEL}/predict", content=body, headers={"content-type": "application/json"})

    assert {each["version"] for each in answer.json()["predictions"]} == {1, 2}
    assert sorted(shop for batch in api.log.batches for shop in batch.columns["shop_no"]) == list(shops)
    assert [columns["shop_no"].dtype for _, columns, _ in api.shadows.copies] == [np.float64, np.float64]


def test_a_ledger_that_ends_earlier_is_not_followed(world, caplog):
    world.carry_out(5, 2)
    status = world.carry_out(4, 1)
    assert (status.sequence, status.champion.version) == (5, 2)
    assert "the ledger ends with entry 4, and entry 5 was carried out" in caplog.text


def test_the_metrics_and_the_log_say_who_answers(world, caplog):
    caplog.set_level(logging.INFO)
    world.carry_out(1, 4)
    world.carry_out(2, 4, off=True)
    assert [record.getMessage() for record in caplog.records] == [
        "flight_delay: v4 answers now (entry 1 of the ledger)",
        "flight_delay: the rule answers now (entry 2 of the ledger)",
    ]
    text = world.metrics.render().decode()
    assert 'retrainer_swaps_total{model="flight_delay"} 2.0' in text
    assert 'retrainer_served_version{model="flight_delay"} 0.0' in text


def test_what_cannot_be_kept_is_served_all_the_same(world, caplog):
    world.carry_out(1, 1)
    file = world.folder / MODEL / ASSIGNMENT_FILE
    file.unlink()
    file.mkdir()  # in the way of the file
    assert world.carry_out(2, 2).champion.version == 2
    assert "cannot be written" in caplog.text


def test_an_entry_is_said_to_be_carried_out_only_when_it_would_be_after_a_restart(world, monkeypatch):
    seen = []
    write = swap.write_atomically
    monkeypatch.setattr(swap, "write_atomically", lambda *args: (seen.append(world.slot.sequence), write(*args)))
    world.carry_out(1, 1)
    world.carry_out(2, 2)
    assert seen == [0, 1]


def test_what_is_kept_names_only_copies_that_are_in_use(world):
    world.carry_out(1, 1)
    world.carry_out(2, 2, split={"version": 3, "percent": 10})
    kept = world.kept()
    assert (set(kept.folders), kept.rule, kept.assignment.split.version) == ({2, 3}, 2, 3)
    assert json.loads((world.folder / MODEL / ASSIGNMENT_FILE).read_text())["assignment"]["sequence"] == 2
