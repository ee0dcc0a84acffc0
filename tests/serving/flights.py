"""What a server is told of the example's model, and requests for it."""

import json
from typing import Any

from retrainer.contracts import InputField, ServingRuntime, ServingSpec

WEATHER = ("temp", "humid", "wind_speed", "precip", "pressure", "visib")
SHARES = ("carrier", "origin", "dest")

FLIGHT: dict[str, Any] = {
    "scheduled_departure": "2013-06-18T06:00:00-04:00",
    "scheduled_arrival": "2013-06-18T12:30:00Z",
    "carrier": "UA",
    "origin": "EWR",
    "dest": "ORD",
    "distance": 719.0,
}
"""A record with all that has to be sent."""


def flight_fields() -> tuple[InputField, ...]:
    """The fields of the example's model."""
    types = {"scheduled_departure": "timestamp", "scheduled_arrival": "timestamp", "distance": "float"}
    inputs = [{"name": name, "type": types.get(name, "string"), "example": FLIGHT[name]} for name in FLIGHT]
    looked_up = [{"name": f"weather__{name}", "type": "float"} for name in WEATHER]
    windows = [{"name": f"{name}_late_share", "type": "float", "example": 0.05} for name in SHARES]
    return (
        *(InputField(required=True, role="input", **field) for field in inputs),
        *(InputField(required=False, role="looked_up", **field) for field in looked_up),
        *(InputField(required=False, role="window", **field) for field in windows),
        InputField(name="flight_id", type="integer", required=False, role="key", example=20130618),
    )


def make_spec(
    *,
    model: str = "flight_delay",
    version: int = 1,
    runtime: ServingRuntime = "onnx",
    fields: tuple[InputField, ...] | None = None,
    **declaration: Any,
) -> ServingSpec:
    """What the server is told of version `version`; of its declaration only the sections that are given."""
    return ServingSpec(
        model=model,
        version=version,
        digest=f"{version:064x}",
        runtime=runtime,
        declaration=declaration,
        fields=flight_fields() if fields is None else fields,
    )


def body_of(*records: Any) -> bytes:
    """A request's body with these records."""
    return json.dumps({"records": list(records)}).encode()


def flight(**changes: Any) -> dict[str, Any]:
    """The flight with other values."""
    return FLIGHT | changes


def without(*names: str) -> dict[str, Any]:
    """The flight without some of its fields."""
    return {name: value for name, value in FLIGHT.items() if name not in names}
