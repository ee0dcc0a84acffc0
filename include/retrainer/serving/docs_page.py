"""The OpenAPI document as a page for people. It has no script and nothing from elsewhere, so it needs no network."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from fastapi import Response

_HEADERS = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"}


@dataclass(frozen=True, slots=True)
class _Operation:
    """What the page shows of one operation."""

    name: str
    path: str
    text: str
    fields: list[tuple[str, str, bool, str, str]]
    """Of a record: name, type, whether it has to be sent, example, description."""
    examples: list[tuple[str, str]]
    """What a request shows, and its body."""
    answers: list[tuple[str, str, str]]
    """Status, meaning and media types."""


def docs_page(document: dict[str, Any], address: str) -> Response:
    """The page that shows `document` of the server at `address`."""
    page = _template().render(
        title=document["info"]["title"],
        description=document["info"]["description"],
        with_keys="securitySchemes" in document["components"],
        operations=sorted(_operations(document), key=lambda each: (not each.fields, each.path)),
        address=address,
    )
    return Response(page, headers=_HEADERS, media_type="text/html")


def _operations(document: dict[str, Any]) -> Iterator[_Operation]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            record = content.get("schema", {}).get("properties", {}).get("records", {}).get("items", {})
            yield _Operation(
                name=f"{method.upper()} {path}",
                path=path,
                text=f"{operation['summary']} {operation.get('description', '')}",
                fields=[_field(name, schema, record) for name, schema in record.get("properties", {}).items()],
                examples=[
                    (example["summary"], json.dumps(example["value"], indent=2).replace("'", r"\u0027"))
                    for example in content.get("examples", {}).values()
                ],
                answers=[
                    (status, answer["description"], ", ".join(answer.get("content", {})))
                    for status, answer in sorted(operation["responses"].items())
                ],
            )


def _field(name: str, schema: dict[str, Any], record: dict[str, Any]) -> tuple[str, str, bool, str, str]:
    example = json.dumps(schema["examples"][0]) if schema.get("examples") else ""
    kind = schema.get("format") or schema["type"][0]
    return name, kind, name in record["required"], example, schema["description"]


@cache
def _template() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # not for a server that nobody reads about

    environment = Environment(
        loader=PackageLoader("retrainer.serving"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
    )
    return environment.get_template("docs.html")
