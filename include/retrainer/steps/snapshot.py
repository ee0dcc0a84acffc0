"""Step snapshot: the interval, and what the windows still lack, out of the source into staging tables."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import pyarrow as pa

from retrainer.config.declaration import ModelConfig
from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import Interval, StagedSnapshot, StagedTable, StepRequest, partition_key
from retrainer.snapshots import DataPlace, published_counts, required_intervals, sql_types, stage, table_window
from retrainer.sources import open_engine
from retrainer.sources.extract import Extract, OpenSource, Unconvertible, open_source
from retrainer.steps.inputs import declaration

_LOG = logging.getLogger(__name__)


def run(request: StepRequest, settings: RuntimeSettings) -> StagedSnapshot:
    """Stage the run's interval, and every complete interval of the windows that is not in the validated snapshot, or
    was so young when it was last read that its labels may have been filled in since.

    Raises:
        SourceUnavailableError: the source did not answer.
        BadDataError: a declared table is not in the source.
        StoreConflictError: another run staged the same tables at the same time.
        ConfigurationError: the source's connection is not known.
    """
    config = declaration(request)
    staging = _Staging(config, request, DataPlace(settings.data_uri, request.model))
    engine = open_engine(config.source, connection_url=settings.connection_url, root=settings.project_root)
    with open_source(engine, config.source) as source:
        staged = [staging.table(source, name) for name in config.source.tables]
    window = table_window(config, config.source.rows, request.interval, as_of=request.as_of)
    tables, reused = tuple(table for table, _ in staged), sum(count for _, count in staged)
    return StagedSnapshot(interval=request.interval, window=window, tables=tables, reused=reused)


@dataclass(frozen=True)
class _Staging:
    config: ModelConfig
    request: StepRequest
    place: DataPlace

    def table(self, source: OpenSource, name: str) -> tuple[StagedTable, int]:
        """Stage one table; and how many validated partitions need not be extracted again."""
        own = self.request.interval
        window = table_window(self.config, name, own, as_of=self.request.as_of)
        there = published_counts(self.place.snapshot(name), self.config, name)
        extract = source.table(name)
        before = [each for each in required_intervals(self.config, window, own) if each != own]
        # The newest interval that is there was the own one of the last run that published: that run read at its end.
        last_read = max((each.end for each in before if each.key in there), default=own.end)
        unsettled = last_read - self._may_change_for(name)
        missing = [each for each in before if each.key not in there or each.end > unsettled]
        intervals = [*extract.complete(missing), own]
        staged = self._stage(extract, intervals)
        _LOG.info(
            "%s: %d rows of %d intervals staged, %d exact repeats dropped, %d intervals not complete",
            name, staged.rows, len(intervals), staged.repeated_rows, len(missing) + 1 - len(intervals),
        )  # fmt: skip
        return staged, len(before) - len(missing)

    def _may_change_for(self, name: str) -> timedelta:
        """How long after its end an interval of a table may still change: as long as labels are filled in."""
        source = self.config.source
        return source.label.filled_in_within if name == source.rows else timedelta(0)

    def _stage(self, extract: Extract, intervals: Sequence[Interval]) -> StagedTable:
        """Reads again, with the columns in question as text, where values are not of the type that was reported."""
        name = extract.table.name
        uri = self.place.staging(name, partition_key(self.request.as_of))
        keys = tuple(each.key for each in intervals)
        columns = sql_types(extract.schema)
        while True:
            try:
                staged = stage(uri, _read(extract, intervals), schema=extract.schema, keys=keys)
                break
            except Unconvertible as found:
                _LOG.warning("%s: values of %s are not of their type, read as text", name, ", ".join(found.columns))
                extract = extract.as_text(found.columns)
        return StagedTable(
            table=name,
            uri=uri,
            version=staged.version,
            columns=columns,
            partitions=keys,
            rows=staged.rows,
            repeated_rows=staged.repeated_rows,
            digest=staged.digest,
        )


def _read(extract: Extract, intervals: Sequence[Interval]) -> Iterator[tuple[str, pa.RecordBatch]]:
    for interval in intervals:
        for batch in extract.read(interval):
            yield interval.key, batch
