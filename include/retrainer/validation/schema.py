"""Are the declared columns there, and of the declared type?"""

import difflib
import re
from collections.abc import Mapping

from retrainer.contracts import CheckResult
from retrainer.validation.batch import Batch
from retrainer.validation.suite import ColumnKind, Suite

_KINDS: dict[str, tuple[str, ...]] = {
    "integer": (
        "int", "integer", "bigint", "smallint", "tinyint", "mediumint", "hugeint", "ubigint", "uinteger", "usmallint",
        "utinyint", "uhugeint", "int2", "int4", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32",
        "uint64", "long", "short", "byte", "serial", "bigserial", "smallserial",
    ),
    "float": (
        "float", "double", "double precision", "real", "numeric", "decimal", "number", "float4", "float8", "float16",
        "float32", "float64", "halffloat", "decimal32", "decimal64", "decimal128", "decimal256", "money",
    ),
    "string": (
        "text", "varchar", "char", "character", "character varying", "nvarchar", "nchar", "string", "str", "bpchar",
        "large_string", "string_view", "clob", "tinytext", "mediumtext", "longtext", "uuid", "enum", "citext",
    ),
    "boolean": ("boolean", "bool", "bit"),
    "timestamp": ("timestamp", "datetime", "datetime2", "timestamptz", "timestamp_s", "timestamp_ms", "timestamp_us",
                  "timestamp_ns", "smalldatetime", "datetimeoffset"),
}  # fmt: skip
_KIND_OF = {sql: kind for kind, names in _KINDS.items() for sql in names}
_ZONE = re.compile(r"\s+with(out)?\s+(local\s+)?time\s+zone$")
_UNIT = re.compile(r"^timestamp\[[^\]]+\]$")
_LISTED = 10


def kind_of(sql_type: str) -> str | None:
    """The declared word for a SQL, Arrow or DuckDB type, or None where there is none (a date, a list, bytes).

    Length, precision, unit and time zone do not matter: `VARCHAR(3)` and `timestamp[us, tz=UTC]` are found.
    """
    lowered = _UNIT.sub("timestamp", sql_type.lower())
    if "[" in lowered:
        return None
    bare = _ZONE.sub("", re.sub(r"\(.*\)", "", lowered).strip())
    return _KIND_OF.get(bare) or _KIND_OF.get(bare.removesuffix(" unsigned"))


def check_schema(batch: Batch, suite: Suite) -> list[CheckResult]:
    """One result for each declared column (expectation `schema`), and one that notes the columns nobody declared."""
    if not suite.columns:
        return []
    extra = [column for column in batch.columns if column not in suite.columns]
    results = [_check_column(batch, column, kind, extra) for column, kind in suite.columns.items()]
    if extra:
        results.append(_note_extra(batch, extra))
    return results


def unusable_columns(batch: Batch, suite: Suite) -> dict[str, str]:
    """Declared columns that are missing or of another type, each with the words of the schema check."""
    return {each.column: each.message for each in check_schema(batch, suite) if not each.success and each.column}


def _check_column(batch: Batch, column: str, kind: ColumnKind, extra: list[str]) -> CheckResult:
    if column not in batch.columns:
        near = _renamed_to(column, kind, extra, batch.columns)
        meant = f": found `{near}`, renamed?" if near else ""
        return _result(batch, column, False, f"column `{column}` ({kind}) is missing{meant}")
    found = batch.columns[column]
    if not _fits(kind_of(found), kind):
        return _result(batch, column, False, f"column `{column}` must be {kind}, found {found}")
    return _result(batch, column, True, f"column `{column}` is {kind}")


def _fits(found: str | None, declared: ColumnKind) -> bool:
    """Every integer is a float; nothing else stands in for another kind."""
    return found == declared or (declared == "float" and found == "integer")


def _renamed_to(column: str, kind: ColumnKind, extra: list[str], types: Mapping[str, str]) -> str | None:
    folded = {name.casefold(): name for name in extra}
    close = difflib.get_close_matches(column.casefold(), folded, n=1, cutoff=0.6)
    if close:
        return folded[close[0]]
    related = [name for name in extra if column.casefold() in name.casefold() or name.casefold() in column.casefold()]
    same_kind = [name for name in related or extra if _fits(kind_of(types[name]), kind)]
    return same_kind[0] if len(same_kind) == 1 else None


def _note_extra(batch: Batch, extra: list[str]) -> CheckResult:
    more = f" and {len(extra) - _LISTED} more" if len(extra) > _LISTED else ""
    names = ", ".join(f"`{name}`" for name in extra[:_LISTED])
    return CheckResult(
        table=batch.table,
        batch=batch.name,
        expectation="extra_columns",
        severity="warning",
        success=True,
        message=f"not declared and ignored: {names}{more}",
    )


def _result(batch: Batch, column: str, success: bool, message: str) -> CheckResult:
    return CheckResult(
        table=batch.table,
        batch=batch.name,
        expectation="schema",
        column=column,
        severity="critical",
        success=success,
        message=message,
    )
