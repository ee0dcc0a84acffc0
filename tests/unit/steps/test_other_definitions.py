"""What a version looks up is refreshed also where the declaration has changed since it was trained."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrainer.config.declaration import ModelConfig
from retrainer.config.runtime import RuntimeSettings, load_settings
from retrainer.contracts import Action, NewEntry, OnlineRefresh
from retrainer.deployment import standings
from retrainer.ledger import Ledger
from retrainer.online import OnlineTables, definitions, online_uri
from retrainer.online.publish import published
from retrainer.registry import ARCHIVED, Versions, start_run, upload
from retrainer.steps import refresh_online
from retrainer.steps.tracking import connect_tracking
from tests.factories import change_source, day, environment, make_config, make_request, small_source
from tests.mlflow_store import new_store

AS_OF = day(8).start + timedelta(hours=8)
"""The rate of the noon before is 20 hours old, of which one passed until it was published."""
RATES: dict[str, Any] = {"table": "rates", "by": ["region"], "columns": ["rate"], "delay": "1h", "max_age": "6h"}
LATE: dict[str, Any] = {"by": ["region"], "value": "label", "aggregate": "mean", "over": "1d"}
LABEL = {"known_at": None, "known_after": "0s"}


def declared(max_age: str = "6h", over: str = "1d", **source: Any) -> ModelConfig:
    features = {"lookups": {"rates": RATES | {"max_age": max_age}}, "windows": {"region_late": LATE | {"over": over}}}
    return make_config(serving={}, source={"label": LABEL, **source}, features=features)


PRESENT = declared()
BEFORE = declared(max_age="1d", over="2d")


@dataclass(frozen=True)
class Model:
    """Versions that were registered with their declarations, a ledger, and a source in `folder`."""

    folder: Path
    settings: RuntimeSettings

    @property
    def source(self) -> Path:
        return self.folder / "source.sqlite"

    @property
    def versions(self) -> Versions:
        return Versions(connect_tracking(self.settings), PRESENT.name)

    def register(self, config: ModelConfig | dict[str, Any]) -> int:
        tracking, versions = connect_tracking(self.settings), self.versions
        kept = config if isinstance(config, dict) else config.model_dump(mode="json")
        with start_run(tracking, PRESENT.name, name="a test's", tags={}) as run:
            upload(tracking, run.run_id, {"config.json": json.dumps(kept)})
        versions.ensure_model("a test's")
        source, identity = str(self.folder), f"run {run.run_id}"
        return versions.register(source=source, run_id=run.run_id, identity=identity, tags={}, description="").version

    def append(self, action: Action, version: int, **evidence: Any) -> None:
        ledger = Ledger.open(self.settings.ledger_url)
        *_, now = standings(ledger.entries(PRESENT.name))
        then = now.then(action, version, as_of=AS_OF, percent=evidence.get("percent", 0))
        entry = NewEntry(
            model=PRESENT.name,
            action=action,
            version=version,
            previous_version=then.previous,
            champion_version=then.champion,
            as_of=AS_OF,
            identity=f"entry {now.sequence}",
            actor="a test",
            reason="",
            evidence=evidence,
        )
        ledger.append(entry, after=now.sequence)

    def promote(self, config: ModelConfig | dict[str, Any]) -> int:
        version = self.register(config)
        self.append("promote", version)
        return version

    def refresh(self, **settings: str) -> OnlineRefresh:
        request = make_request("refresh_online", PRESENT, interval=PRESENT.schedule.interval_before(AS_OF))
        used = self.settings.model_copy(update=settings)
        return refresh_online.run(request.model_copy(update={"as_of": AS_OF}), used)

    def known(self, config: ModelConfig) -> dict[str, float | None]:
        """What a server knows now of an order from the north, for a version of `config`."""
        asked = {
            "region": np.array(["north"], object),
            "ordered_at": np.array([np.datetime64(AS_OF.replace(tzinfo=None))]),
        }
        names = ("rates__rate", "region_late")
        columns = asked | {name: np.array([np.nan]) for name in names}
        tables = OnlineTables(Path(online_uri(self.settings.data_uri, PRESENT.name)))
        filled = tables.fill(columns, dict.fromkeys(names, np.array([True])), definitions=definitions(config))
        return {name: None if np.isnan(filled[name][0]) else float(filled[name][0]) for name in names}

    def tables(self) -> list[tuple[str, str]]:
        return sorted(
            (each.table, each.definition) for each in published(online_uri(self.settings.data_uri, PRESENT.name))
        )


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Model]:
    monkeypatch.chdir(tmp_path)  # where MLflow puts the files of a run
    small_source(tmp_path / "source.sqlite")
    environ = environment(tmp_path, tmp_path / "source.sqlite")
    environ |= {"RETRAINER_MLFLOW_URI": new_store(tmp_path / "mlflow.sqlite")}
    return Model(tmp_path, load_settings(environ, tmp_path))


def champion(model: Model) -> None:
    model.promote(BEFORE)


def target_of_a_rollback(model: Model) -> None:
    model.promote(BEFORE)
    model.promote(PRESENT)


def split(model: Model) -> None:
    model.promote(PRESENT)
    model.append("split", model.register(BEFORE), percent=10)


def shadow(model: Model) -> None:
    model.promote(PRESENT)
    model.append("shadow", model.register(BEFORE))


@pytest.mark.parametrize("role", [champion, target_of_a_rollback, split, shadow])
def test_a_version_that_was_declared_otherwise_is_answered_from_fresh_tables(model: Model, role: Any) -> None:
    role(model)

    result = model.refresh()

    # Days to pay of the north's orders of day 7 are 4, 6, 8, 0, 2, 4, and those of day 6: 2, 4, 6, 8, 0, 2.
    assert model.known(PRESENT) == {"rates__rate": None, "region_late": pytest.approx(2 / 6)}
    assert model.known(BEFORE) == {"rates__rate": 8.2, "region_late": pytest.approx(4 / 12)}
    assert [table.name for table in result.tables] == ["lookup-rates", "window-region_late"] * 2
    assert result.message == ""


def test_only_what_is_defined_otherwise_is_published_besides(model: Model) -> None:
    model.promote(declared(max_age="1d"))
    model.promote(declared(max_age="1d"))

    assert [table.name for table in model.refresh().tables] == ["lookup-rates", "window-region_late", "lookup-rates"]
    assert len(model.tables()) == 3


def test_versions_of_the_present_definition_and_those_that_answer_no_more_need_nothing(model: Model) -> None:
    for config in (BEFORE, PRESENT, PRESENT):
        model.promote(config)
    model.register(BEFORE)

    model.refresh()

    assert model.tables() == sorted(definitions(PRESENT).items())


@pytest.mark.parametrize("by", ["ledger", "registry"])
def test_a_version_whose_files_are_gone_is_passed_over(model: Model, by: str, caplog: pytest.LogCaptureFixture) -> None:
    version = model.promote(BEFORE)
    model.promote(PRESENT)
    if by == "ledger":
        model.append("archive", version)
    else:
        model.versions.tag(version, {ARCHIVED: "2026-01-09"})

    assert model.refresh().message == ""
    assert model.tables() == sorted(definitions(PRESENT).items())
    assert "refreshed" not in caplog.text


def test_where_mlflow_does_not_answer_the_present_definition_is_published(
    model: Model, caplog: pytest.LogCaptureFixture
) -> None:
    for config in (BEFORE, PRESENT):
        model.promote(config)

    model.refresh(mlflow_uri="http://127.0.0.1:9")

    assert model.tables() == sorted(definitions(PRESENT).items())
    assert "order_late: what v2, v1 may define otherwise is not refreshed: MLflow failed" in caplog.text


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        (
            {"rates": {"columns": {"region": "string", "at": "timestamp", "rate": "float", "fee": "float"}}},
            "no column 'fee'",
        ),
        ({"rates": {"name": "old_rates"}}, "table 'old_rates' is not in the database"),
    ],
    ids=["column", "table"],
)
def test_what_a_version_needs_and_the_source_has_no_more_fails_nothing(
    model: Model, gone: dict[str, Any], message: str, caplog: pytest.LogCaptureFixture
) -> None:
    model.promote(declared(max_age="1d", tables=gone))

    result = model.refresh()

    assert model.known(PRESENT)["region_late"] == pytest.approx(2 / 6)
    assert result.message.startswith("what v1 defines otherwise stays as it is: table ")
    assert message in result.message
    assert message in caplog.text


def test_why_the_windows_of_a_version_stay_is_said_with_its_name(model: Model) -> None:
    model.promote(BEFORE)
    change_source(
        model.source,
        "DELETE FROM landings WHERE table_name = 'orders' AND interval_start = '2026-01-07 00:00:00.000000'",
    )

    result = model.refresh()

    assert result.message.startswith("v1: windows stay as they are: interval 2026-01-07")
    assert model.known(BEFORE) == {"rates__rate": 8.2, "region_late": None}
    assert model.known(PRESENT)["region_late"] == pytest.approx(2 / 6)


@pytest.mark.parametrize(
    ("kept", "reason"), [({}, "no declaration that this software understands"), (None, "no config.json")]
)
def test_a_declaration_that_cannot_be_read_is_named(
    model: Model, kept: Any, reason: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        if kept is None:
            patch.setattr("tests.unit.steps.test_other_definitions.upload", lambda *_: None)
        model.promote({})
    model.promote(BEFORE)

    model.refresh()

    assert "what v1 may define otherwise is not refreshed" in caplog.text
    assert reason in caplog.text
    assert model.known(BEFORE)["rates__rate"] == 8.2
