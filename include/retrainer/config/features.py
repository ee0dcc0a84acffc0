"""What the model may look at: columns, values looked up as of prediction time, and aggregates of the past."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from retrainer.config.section import ColumnName, Duration, Identifier, Section


class Lookup(Section):
    """The latest row of another table as of prediction time: point-in-time correct, never later."""

    table: Identifier
    """Table of the source to look in."""
    by: Annotated[tuple[ColumnName, ...], Field(min_length=1)]
    """Columns, of the same name in both tables, that must be equal."""
    columns: Annotated[tuple[ColumnName, ...], Field(min_length=1)]
    """Columns to bring over."""
    delay: Duration
    """Time after its event time at which a row of that table is published. Rows younger than that are not seen."""
    max_age: Duration
    """A row older than this counts as missing."""


class Window(Section):
    """An aggregate over the row table's past, as it was known when the row's interval began."""

    by: Annotated[tuple[ColumnName, ...], Field(min_length=1)]
    """Columns to group by."""
    value: ColumnName
    """`label`, or a numeric column of the row table."""
    aggregate: Literal["mean", "sum", "count", "min", "max"]
    """How the values are reduced."""
    over: Duration
    """Length of the window that ends where the row's interval begins."""


class Features(Section):
    """The features of the model, in the order in which it sees them: categorical, then numeric."""

    module: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*$")]
    """Python module with `row_features(frame) -> frame`: row-level features, the first stage of the fitted pipeline."""
    inputs: Annotated[tuple[ColumnName, ...], Field(min_length=1)]
    """Columns of the row table that are known at prediction time and handed to row_features."""
    lookups: dict[Identifier, Lookup] = Field(default_factory=dict)
    """Values of other tables as of prediction time; column names get the look-up's name and `__` as prefix."""
    windows: dict[Identifier, Window] = Field(default_factory=dict)
    """Aggregates of the past, by the name of the resulting column."""
    categorical: tuple[ColumnName, ...] = ()
    """Columns of row_features' result that are categories."""
    numeric: tuple[ColumnName, ...] = ()
    """Columns of row_features' result that are numbers."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        names = [*self.categorical, *self.numeric]
        if not names:
            raise ValueError("at least one of categorical and numeric must name a column")
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"named twice in categorical and numeric: {', '.join(repeated)}")
        return self
