"""What the model may look at: columns, values looked up as of prediction time, and aggregates of the past."""

from collections.abc import Iterator
from typing import Literal, Self

from pydantic import Field, model_validator

from retrainer.config.section import (
    ColumnName,
    ColumnNames,
    Duration,
    Identifier,
    Length,
    Mistake,
    ModuleName,
    Section,
    SomeColumns,
    refuse,
)
from retrainer.contracts.columns import INTERVAL, KNOWN_AT, LABEL, TIME


def lookup_column(lookup: str, column: str) -> str:
    """Name of a looked-up column: the look-up's name and `__` before its own."""
    return f"{lookup}__{column}"


class Lookup(Section):
    """The latest row of another table as of prediction time: point-in-time correct, never later."""

    table: Identifier
    """Table of the source to look in."""
    by: SomeColumns
    """Columns, of the same name in both tables, that must be equal."""
    columns: SomeColumns
    """Columns to bring over."""
    delay: Duration
    """Time after its event time at which a row of that table is published. Rows younger than that are not seen."""
    max_age: Length
    """A row older than this counts as missing."""

    @model_validator(mode="after")
    def _ages(self) -> Self:
        if self.max_age <= self.delay:
            raise ValueError("max_age must be longer than delay: no row would ever be young enough and published")
        return self


class Window(Section):
    """An aggregate over the row table's past, as it was known when the row's interval began."""

    by: SomeColumns
    """Columns to group by."""
    value: ColumnName
    """`label`, or a numeric column of the row table. The label, and columns that only it needs, count from when it is
    known."""
    aggregate: Literal["mean", "sum", "count", "min", "max"]
    """How the values are reduced."""
    over: Length
    """Length of the window that ends where the row's interval begins."""


class Features(Section):
    """The features of the model, in the order in which it sees them: categorical, then numeric."""

    module: ModuleName
    """Python module with `row_features(columns) -> columns`: row-level features, the first stage of the fitted
    pipeline."""
    inputs: SomeColumns
    """Columns of the row table that are known at prediction time and handed to row_features."""
    lookups: dict[Identifier, Lookup] = Field(default_factory=dict)
    """Values of other tables as of prediction time; column names get the look-up's name and `__` as prefix."""
    windows: dict[Identifier, Window] = Field(default_factory=dict)
    """Aggregates of the past, by the name of the resulting column."""
    categorical: ColumnNames = ()
    """Columns that are categories, of those handed to row_features and those it makes."""
    numeric: ColumnNames = ()
    """Columns that are numbers, of those handed to row_features and those it makes."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        refuse("Features", self._mistakes())
        return self

    def _mistakes(self) -> Iterator[Mistake]:
        if not self.categorical and not self.numeric:
            yield (), "at least one of categorical and numeric must name a column"
        for index, name in enumerate(self.numeric):
            if name in self.categorical:
                yield ("numeric", index), f"{name!r} is under categorical as well"
        taken = {name.casefold(): "one of inputs" for name in self.inputs}
        taken |= {name.casefold(): "a column of every feature table" for name in (INTERVAL, TIME, LABEL, KNOWN_AT)}
        for name, lookup in self.lookups.items():
            for index, column in enumerate(lookup.columns):
                result = lookup_column(name, column)
                if result.casefold() in taken:
                    yield (
                        ("lookups", name, "columns", index),
                        f"gives column {result!r}, and that is {taken[result.casefold()]}",
                    )
                taken[result.casefold()] = f"looked up by {name!r}"
        for name in self.windows:
            if name.casefold() in taken:
                yield ("windows", name), f"the name is taken: {name!r} is {taken[name.casefold()]}"
