"""What is looked up by may be sent, also where the model does not read it: from a real source to the answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from retrainer.columns import Columns
from retrainer.config.declaration import ModelConfig
from retrainer.contracts import ServingSpec
from retrainer.online import OnlineTables, online_uri
from retrainer.serving.supply.describe import record_fields
from retrainer.steps import refresh_online
from tests.factories import day, make_config, make_request, make_settings, small_source
from tests.serving.flights import body_of
from tests.serving.world import Api, Made

NOON = day(7).start + timedelta(hours=12)
HOUR = timedelta(hours=1)
RATE = 8.2
"""The north's rate of noon, published at 13:00; it counts until 18:00."""


@dataclass
class At:
    """The online tables that are published, read at a moment of a test's own."""

    tables: OnlineTables

    def fill(
        self,
        _: str,
        columns: Columns,
        missing: Mapping[str, NDArray[np.bool_]],
        *,
        keys: Columns,
        definitions: Mapping[str, str] | None,
    ) -> Columns:
        return self.tables.fill(columns, missing, keys=keys, definitions=definitions)


def config_with(inputs: Sequence[str]) -> ModelConfig:
    """Rates are looked up by region, which is in the row table whether or not the model reads it."""
    features = {"inputs": inputs, "categorical": [], "numeric": ["amount", "rates__rate", "region_late"]}
    return make_config(serving={}, features=features)


def answers(folder: Path, config: ModelConfig, *records: Mapping[str, Any], now: datetime) -> list[float | None]:
    """The rate that the model was handed for each record, in a request that is answered at `now`."""
    settings = make_settings(folder, small_source(folder / "source.sqlite"))
    refresh_online.run(make_request("refresh_online", config, interval=day(7)), settings)
    tables = OnlineTables(Path(online_uri(settings.data_uri, config.name)), clock=now.timestamp)
    declared, fields = config.model_dump(mode="json"), record_fields(config, {})
    spec = ServingSpec(model=config.name, version=1, digest="d", runtime="onnx", declaration=declared, fields=fields)
    api = Api(folder, online=At(tables))  # type: ignore[arg-type]
    api.serve(Made(spec, lambda columns: np.nan_to_num(columns["rates__rate"], nan=-1)))
    with api.client() as client:
        address, kind = f"/v1/models/{config.name}/predict", {"content-type": "application/json"}
        answer = client.post(address, content=body_of(*records), headers=kind)
    assert answer.status_code == 200, answer.text
    values = [each["value"] for each in answer.json()["predictions"]]
    return [None if value == -1 else value for value in values]


def test_a_column_that_is_looked_up_by_and_is_no_input_may_be_sent(tmp_path: Path) -> None:
    config = config_with(["ordered_at", "amount", "express"])
    order = {"ordered_at": (NOON + HOUR).isoformat(), "amount": 1, "express": True}

    found = answers(tmp_path, config, {**order, "region": "north"}, order, {**order, "region": None}, now=day(300).end)

    assert found == [RATE, None, None]


@pytest.mark.parametrize(("hours", "expected"), [(1, RATE), (7, None)])
def test_an_event_time_that_is_no_input_is_now_where_it_is_not_sent(
    tmp_path: Path, hours: int, expected: float | None
) -> None:
    config = config_with(["amount", "express"])
    order = {"amount": 1, "express": True, "region": "north"}

    found = answers(
        tmp_path,
        config,
        order,
        {**order, "ordered_at": (NOON + 2 * HOUR).isoformat()},
        {**order, "ordered_at": (NOON + 8 * HOUR).isoformat()},
        now=NOON + hours * HOUR,
    )

    assert found == [expected, RATE, None]
    assert answers_alone(tmp_path / "alone", config, order, now=NOON + hours * HOUR) == expected


def answers_alone(folder: Path, config: ModelConfig, record: Mapping[str, Any], *, now: datetime) -> float | None:
    """The same for one record, which is read by itself."""
    folder.mkdir()
    (found,) = answers(folder, config, record, now=now)
    return found


def test_what_is_looked_up_by_is_a_field_once_and_never_has_to_be_sent() -> None:
    fields = {field.name: (field.role, field.required) for field in record_fields(config_with(["amount"]), {})}

    assert fields == {
        "amount": ("input", True),
        "rates__rate": ("looked_up", False),
        "region_late": ("window", False),
        "order_id": ("key", False),
        "ordered_at": ("key", False),
        "region": ("key", False),
    }
