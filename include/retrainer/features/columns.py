"""Names of the feature columns."""

from retrainer.config.declaration import ModelConfig


def lookup_column(lookup: str, column: str) -> str:
    """Name in the feature table of a looked-up column."""
    return f"{lookup}__{column}"


def feature_columns(config: ModelConfig) -> tuple[str, ...]:
    """What a model gets to see of a row of the feature table, in order: inputs, looked-up values, windows.

    The same columns, under the same names, are what the fitted pipeline's first stage reads.
    """
    looked_up = [
        lookup_column(name, column) for name, lookup in config.features.lookups.items() for column in lookup.columns
    ]
    return (*config.features.inputs, *looked_up, *config.features.windows)
