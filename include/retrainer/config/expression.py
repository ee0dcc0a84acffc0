"""A look at a label's SQL expression: enough to catch a typing error, without a database."""

import re
from collections.abc import Iterable

from retrainer.config.near_miss import unknown

_TOKEN = re.compile(
    r"""(?P<space>\s+)
    | '(?:[^']|'')*'                        # text
    | "(?P<quoted>(?:[^"]|"")+)"            # quoted column
    | (?P<number>\d[\d_]*(?:\.\d*)?(?:[eE][-+]?\d+)? | \.\d+(?:[eE][-+]?\d+)?)
    | (?P<cast>::\s*[A-Za-z_]\w*)
    | (?P<comment>--|/\*)
    | (?P<name>[A-Za-z_]\w*)(?P<call>\s*\()?
    | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_GRAMMAR = (
    "and or not is null true false case when then else end in like ilike between symmetric similar to glob escape"
    " distinct from as cast try_cast collate at with interval zone"
)
_UNITS = "second seconds minute minutes hour hours day days week weeks month months quarter year years dow doy epoch"
_TYPES = (
    "date time timestamp timestamptz boolean bool tinyint smallint integer int bigint hugeint float real double"
    " precision decimal numeric varchar text"
)
_WORDS = frozenset(f"{_GRAMMAR} {_UNITS} {_TYPES}".split())
_STATEMENTS = frozenset(("select", "insert", "update", "delete", "create", "drop", "attach", "copy", "pragma", "load"))
_LAMBDA = re.compile(r"\blambda\b|->", re.IGNORECASE)
_PAIRS = {")": "(", "]": "[", "}": "{"}


def expression_mistake(expression: str, columns: Iterable[str]) -> str | None:
    """What is wrong with an SQL expression over `columns`, in words; None if nothing was found.

    Finds names that are no column, statements, comments, and quotes and brackets that are not closed. Functions and
    types are not looked at: DuckDB knows them.
    """
    known = {column.casefold() for column in columns}
    open_brackets: list[str] = []
    before = ""
    for token in _TOKEN.finditer(expression):
        other = token["other"]
        name = token["name"]
        if token["comment"] or other == ";":
            return "must be one SQL expression, without comments and ;"
        if other in ("'", '"'):
            return f"has a {other} that is not closed"
        if name and name.lower() in _STATEMENTS:
            return f"must be an expression over the columns of one row, not a statement with {name.upper()}"
        if token["call"] or other in ("(", "[", "{"):
            open_brackets.append(other or "(")
        elif other in _PAIRS and (not open_brackets or open_brackets.pop() != _PAIRS[other]):
            return f"has a {other} that was not opened"
        column = token["quoted"] or (name if name and not token["call"] and name.lower() not in _WORDS else None)
        is_column = column and before != "." and not _LAMBDA.search(expression)  # no struct's field, no lambda's name
        if column and is_column and column.replace('""', '"').casefold() not in known:
            return unknown(column, columns, what="column")
        before = token[0]
    return f"has a {open_brackets[-1]} that is not closed" if open_brackets else None
