"""The OpenAPI document. It is made when it is asked for, so it always shows the versions that answer now."""

import copy
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from retrainer.serving.mlflow_records import CSV, FORMATS
from retrainer.serving.problems import PROBLEM_JSON
from retrainer.serving.record_schema import request_example
from retrainer.serving.slot import Line, Slots

Schema = dict[str, Any]

_MEANINGS = {
    HTTPStatus.BAD_REQUEST: "The body cannot be read.",
    HTTPStatus.UNAUTHORIZED: "No key that is known.",
    HTTPStatus.FORBIDDEN: "A key that is not good for this.",
    HTTPStatus.NOT_FOUND: "The model is not served here.",
    HTTPStatus.REQUEST_TIMEOUT: "The request did not arrive in time.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large, or has too many records.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is of another type.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Fields are wrong; each is named.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests are under way.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "The server could not answer.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Neither a version nor a rule is there yet.",
}
_ALWAYS = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.INTERNAL_SERVER_ERROR)
_WITH_KEYS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_OF_A_BODY = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.SERVICE_UNAVAILABLE,
)

_PROBLEM: Schema = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, and what is allowed."},
        "errors": {
            "type": "array",
            "maxItems": 20,
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
        "error_code": {"type": "string", "description": "For MLflow's clients, of /invocations only."},
        "message": {"type": "string", "description": "For MLflow's clients, of /invocations only."},
    },
}
_PREDICTION: Schema = {
    "type": "object",
    "required": ["id", "value", "version", "source"],
    "properties": {
        "id": {"type": "string", "description": "Under which the prediction is logged."},
        "value": {"type": "number", "description": "A classifier's probability of class 1, or the value."},
        "version": {"type": ["integer", "null"], "description": "Null where the rule answered."},
        "source": {"enum": ["model", "fallback"]},
    },
}


def problems_of(statuses: Iterable[HTTPStatus]) -> dict[int | str, Schema]:
    """The answers of an operation that are problems, as OpenAPI describes them."""
    content = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {str(int(status)): {"description": _MEANINGS[status], "content": content} for status in statuses}


def describe(app: FastAPI, slots: Slots, *, keys_demanded: bool, open_paths: Iterable[str]) -> Schema:
    """The document for what is served now: a path of its own for each model, with the fields of the version."""
    document = copy.deepcopy(
        get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    )
    paths: Schema = document["paths"]
    lines = {slot.model: slot.line for slot in slots if slot.line is not None}
    for model, line in lines.items():
        paths[f"/v1/models/{model}/predict"] = {"post": _predict(model, line)}
    if lines:
        paths["/invocations"] = {"post": _invocations(lines)}
    components: Schema = document["components"]
    components["schemas"] |= {"Problem": _PROBLEM, "Prediction": _PREDICTION}
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    for path, operations in paths.items():
        for operation in operations.values():
            _add_common(operation, with_key=keys_demanded and path not in open_paths)
    if keys_demanded:
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    return document


def _add_common(operation: Schema, *, with_key: bool) -> None:
    """What every operation may answer. FastAPI's own refusal of parameters is none of it: here they are all texts."""
    responses: dict[int | str, Schema] = operation["responses"]
    if responses.get("422", {}).get("description") == "Validation Error":
        del responses["422"]
    responses |= problems_of((*_ALWAYS, *_WITH_KEYS) if with_key else _ALWAYS)
    if with_key:
        operation["security"] = [{"key": []}]


def _predict(model: str, line: Line) -> Schema:
    schema = line.parser.openapi()
    schema.pop("example")
    fields = line.parser.fields
    answer = {
        "type": "object",
        "required": ["model", "predictions"],
        "properties": {
            "model": {"const": model},
            "predictions": {"type": "array", "items": {"$ref": "#/components/schemas/Prediction"}},
        },
    }
    examples = {
        "required": {"summary": "What has to be sent; the rest is looked up.", "value": request_example(fields)},
        "everything": {"summary": "Every field.", "value": request_example(fields, everything=True)},
    }
    return {
        "tags": ["models"],
        "operationId": f"predict_{model}",
        "summary": f"Predict with {model}.",
        "description": _who_answers(line),
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema, "examples": examples}}},
        "responses": {
            "200": {
                "description": "A prediction for each record, in order.",
                "headers": {"x-request-id": {"schema": {"type": "string"}}},
                "content": {"application/json": {"schema": answer}},
            },
            **problems_of((*_OF_A_BODY, HTTPStatus.UNPROCESSABLE_ENTITY)),
        },
    }


def _who_answers(line: Line) -> str:
    assignment = line.assignment
    if line.answering is None:
        why = "the model is switched off" if assignment.off else "there is no version"
        return f"The declared rule answers: {why}."
    since = f" since {assignment.since:%Y-%m-%d %H:%M} UTC" if assignment.since else ""
    split = assignment.split
    share = f" Version {split.version} gets {split.percent} % of the traffic." if split else ""
    return f"Version {line.answering.spec.version} answers{since}.{share}"


def _invocations(lines: dict[str, Line]) -> Schema:
    records = [line.parser.openapi()["properties"]["records"]["items"] for line in lines.values()]
    loose = {
        "type": "array",
        "minItems": 1,
        "items": {"anyOf": [each | {"additionalProperties": True} for each in records]},
    }
    shapes: dict[str, Schema] = {
        "dataframe_split": {
            "type": "object",
            "required": ["columns", "data"],
            "properties": {
                "columns": {"type": "array", "items": {"type": "string"}},
                "data": {"type": "array", "items": {"type": "array"}},
            },
        },
        "dataframe_records": loose,
        "instances": loose,
        "inputs": {"type": ["object", "array"]},
    }
    wanted = {"oneOf": [{"type": "object", "required": [name], "properties": {name: shapes[name]}} for name in FORMATS]}
    model = {
        "name": "model",
        "in": "query",
        "required": len(lines) > 1,
        "description": "Need not be given while one model is served.",
        "schema": {"enum": list(lines)},
    }
    return {
        "tags": ["MLflow"],
        "operationId": "invocations",
        "summary": "Predict, in the formats of `mlflow models serve`.",
        "parameters": [model],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": wanted},
                CSV: {"schema": {"type": "string", "description": "With a line of column names."}},
            },
        },
        "responses": {
            "200": {
                "description": "What the model's own predict_proba, or predict, gives.",
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "required": ["predictions"],
                            "properties": {"predictions": {"type": "array"}},
                        }
                    }
                },
            },
            **problems_of(_OF_A_BODY),
        },
    }
