"""Step validate_data: what was staged is checked, published and pinned; or set aside, and the run stops."""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb
from deltalake import DeltaTable
from pydantic import JsonValue

from retrainer.config.declaration import ModelConfig
from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import (
    CheckResult,
    Interval,
    StagedSnapshot,
    StagedTable,
    StepRequest,
    TableRef,
    ValidationReport,
    partition_key,
)
from retrainer.errors import BadDataError
from retrainer.snapshots import (
    DataPlace,
    Rows,
    connect,
    pin,
    publish,
    published_counts,
    release,
    set_aside,
    table_window,
    view_staged,
    windows_intervals,
    write_file,
)
from retrainer.snapshots.delta import counts_of
from retrainer.steps.data_docs import show_docs
from retrainer.steps.inputs import declaration, result_of
from retrainer.validation import Batch, FreshnessRule, Outcome, PastCount, RowCountRule, Suite, render, validate

_LOG = logging.getLogger(__name__)
_LONGEST = 200
_LISTED = 20


def run(request: StepRequest, settings: RuntimeSettings) -> ValidationReport:
    """Validate the staged rows and publish those that pass.

    Where a critical check fails on the run's own interval, nothing is published and its rows are set aside. Where one
    fails on older partitions of the windows, the bad ones are set aside and the others published.

    Raises:
        BadDataError: the own interval failed, or too few intervals of the windows are valid, or too few checks passed.
        StoreConflictError: other writers kept replacing the same partitions first.
    """
    config = declaration(request)
    staged = result_of(request, "snapshot", StagedSnapshot)
    with connect() as connection:
        run_of = _Run(request, config, DataPlace(settings.data_uri, request.model), connection)
        checked = [run_of.check(table) for table in staged.tables]
        docs = run_of.write_docs(checked, settings)
        run_of.stop_on_bad_interval(checked, docs)
        snapshot = tuple(run_of.publish(each, docs) for each in checked)
    run_of.stop_on_low_coverage(checked)
    report = _report(checked, snapshot, docs)
    for check in report.failed[:_LISTED]:
        _LOG.warning("%s, %s, %s: %s", check.table, check.batch, check.expectation, _short(check.message))
    _LOG.info("%d of %d checks passed: %s", report.checks - len(report.failed), report.checks, docs.url or docs.uri)
    if report.quality < config.min_quality:
        raise BadDataError(
            f"{report.quality:.1%} of {report.checks} checks passed, min_quality is {config.min_quality:.1%}: "
            + "; ".join(_short(check.message) for check in report.failed[:_LISTED])
        )
    return report


@dataclass(frozen=True)
class _Docs:
    """The report: `uri` under the data folder; `url` in the MLflow UI, empty where MLflow did not take it."""

    uri: str
    url: str


@dataclass(frozen=True)
class _Checked:
    """One staged table with its verdicts. `good` and `bad` are the older partitions that passed, or did not."""

    staged: StagedTable
    table: DeltaTable
    own: Outcome
    older: tuple[Outcome, ...]
    good: tuple[str, ...]
    bad: tuple[str, ...]

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        return (self.own, *self.older)


@dataclass(frozen=True)
class _Run:
    request: StepRequest
    config: ModelConfig
    place: DataPlace
    connection: duckdb.DuckDBPyConnection

    @property
    def own(self) -> Interval:
        return self.request.interval

    def check(self, staged: StagedTable) -> _Checked:
        """Validate the older partitions together, one by one where that fails; then the run's own interval."""
        table = DeltaTable(staged.uri, version=staged.version)
        suite = _suite(self.config, staged.table)
        keys = [key for key in staged.partitions if key != self.own.key]
        counts = counts_of(table)
        filled = [key for key in keys if key in counts]
        older: list[Outcome] = []
        bad: list[str] = []
        if filled:
            older.append(validate(self._batch(staged, table, filled, "window"), suite))
            if not older[0].success:
                alone = {key: validate(self._batch(staged, table, [key], key), suite) for key in filled}
                bad = [key for key, outcome in alone.items() if not outcome.success]
                older = [*alone.values()] if bad else older
        good = tuple(key for key in keys if key not in bad)
        own = validate(self._own_batch(staged, table, good), suite)
        return _Checked(staged, table, own, tuple(older), good, tuple(bad))

    def write_docs(self, checked: Sequence[_Checked], settings: RuntimeSettings) -> _Docs:
        """Write the report of all checks as index.html and result.json, and show the former in MLflow."""
        name = hashlib.sha256(self.request.run_id.encode()).hexdigest()[:16]
        folder = self.place.report(partition_key(self.request.as_of), name)
        outcomes = [outcome for each in checked for outcome in each.outcomes]
        checks = [check.model_dump(mode="json") for outcome in outcomes for check in outcome.checks]
        title = f"{self.request.model} {self.own.key}"
        result = {"model": self.request.model, "interval": self.own.key, "checks": checks}
        page = render(outcomes, title=title)
        write_file(f"{folder}/result.json", json.dumps(result, indent=1, ensure_ascii=False).encode())
        write_file(f"{folder}/index.html", page.encode())
        url = show_docs(self.request, settings, page=page, quality=_quality(checked))
        return _Docs(f"{folder}/index.html", url)

    def stop_on_bad_interval(self, checked: Sequence[_Checked], docs: _Docs) -> None:
        """Set the run's own interval aside in each table where it failed, and stop."""
        bad = [each for each in checked if not each.own.success]
        if not bad:
            return
        for each in bad:
            self._set_aside(each, self.own.key, each.own, docs)
        failed = [check for each in bad for check in _critical(each.own)]
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        lines = [f"{failed[0].table}, interval {self.own.key}: {_short(failed[0].message)}{more}"]
        lines += [f"- {check.table}, {check.expectation}: {check.message}" for check in failed[:_LISTED]]
        where = docs.url or docs.uri
        raise BadDataError("\n".join(lines), hint=f"The rows are in quarantine; all checks are in {where}")

    def publish(self, each: _Checked, docs: _Docs) -> TableRef:
        """Publish what passed, set aside what did not, and pin the windows."""
        name = each.staged.table
        keys = [*each.good, self.own.key]
        view_staged(self.connection, each.table, keys, f"{name}_passed", meant=each.staged.columns)
        uri = self.place.snapshot(name)
        changed = publish(Rows(self.connection, name, f"{name}_passed", keys), uri, self.config)
        _LOG.info("%s: %d of %d staged partitions were new or different", name, changed, len(keys))
        for outcome in each.older:
            if outcome.batch in each.bad:
                self._set_aside(each, outcome.batch, outcome, docs)
        for key in keys:
            release(self.place, name, key)
        return pin(uri, name, table_window(self.config, name, self.own, as_of=self.request.as_of))

    def stop_on_low_coverage(self, checked: Sequence[_Checked]) -> None:
        """Stop where too few intervals of the windows are there and valid."""
        needed = [each.key for each in windows_intervals(self.config, self.own, as_of=self.request.as_of)]
        least = self.config.windows.min_coverage
        for each in checked:
            there = {*self._published(each.staged.table), *each.good, self.own.key}
            missing = [key for key in needed if key not in there]
            coverage = 1 - len(missing) / len(needed)
            if coverage < least:
                raise BadDataError(
                    f"{each.staged.table}: {len(needed) - len(missing)} of {len(needed)} intervals of the windows are "
                    f"there and valid ({coverage:.0%}), windows.min_coverage is {least:.0%}\n"
                    f"Missing: {', '.join(missing[:_LISTED])}{' ...' if len(missing) > _LISTED else ''}"
                )

    def _batch(self, staged: StagedTable, table: DeltaTable, keys: Sequence[str], name: str) -> Batch:
        view = f"{staged.table}_checked"
        types = view_staged(self.connection, table, keys, view, meant=staged.columns)
        return Batch(table=staged.table, name=name, connection=self.connection, view=view, columns=types)

    def _own_batch(self, staged: StagedTable, table: DeltaTable, good: Sequence[str]) -> Batch:
        batch = self._batch(staged, table, [self.own.key], "interval")
        weeks = self.config.source.tables[staged.table].row_count.weeks
        counts = counts_of(table)
        known = self._published(staged.table) | {key: counts.get(key, 0) for key in good}
        first = partition_key(self.config.schedule.days_before(self.own.start, 7 * weeks))
        past = tuple(
            PastCount(datetime.fromisoformat(key), rows)
            for key, rows in sorted(known.items())
            if first <= key < self.own.key
        )
        return replace(batch, interval=self.own, past=past, zone=self.config.schedule.zone)

    def _published(self, table: str) -> dict[str, int]:
        return published_counts(self.place.snapshot(table), self.config, table)

    def _set_aside(self, each: _Checked, key: str, outcome: Outcome, docs: _Docs) -> None:
        reason: dict[str, JsonValue] = {
            "table": each.staged.table,
            "interval": key,
            "as_of": partition_key(self.request.as_of),
            "run_id": self.request.run_id,
            "docs_uri": docs.uri,
            "docs_url": docs.url,
            "checks": [check.model_dump(mode="json") for check in _critical(outcome)],
        }
        uri = self.place.quarantine(each.staged.table, key)
        set_aside(self.connection, each.table, key, uri, reason=reason)
        _LOG.warning("%s, partition %s: set aside in %s", each.staged.table, key, uri)


def _suite(config: ModelConfig, name: str) -> Suite:
    """What the declaration asks of a table. Columns that only the label needs may be null: it may not be known yet."""
    declared = config.source.tables[name]
    fresh = declared.freshness
    return Suite(
        table=name,
        expectations=declared.expectations,
        columns=declared.columns,
        key=declared.key,
        may_be_empty=config.label_columns if name == config.source.rows else frozenset(),
        row_count=RowCountRule(declared.row_count.min_share, declared.row_count.max_share),
        freshness=FreshnessRule(declared.event_time, fresh.max_gap) if fresh else None,
    )


def _report(checked: Sequence[_Checked], snapshot: tuple[TableRef, ...], docs: _Docs) -> ValidationReport:
    checks = [check for each in checked for outcome in each.outcomes for check in outcome.checks]
    return ValidationReport(
        snapshot=snapshot,
        checks=len(checks),
        failed=tuple(check for check in checks if not check.success),
        quarantined=tuple(sorted({key for each in checked for key in each.bad})),
        quality=_quality(checked),
        docs_uri=docs.uri,
        docs_url=docs.url,
    )


def _quality(checked: Sequence[_Checked]) -> float:
    """Share of checks that passed, 0 to 1."""
    verdicts = [check.success for each in checked for outcome in each.outcomes for check in outcome.checks]
    return sum(verdicts) / len(verdicts) if verdicts else 1.0


def _critical(outcome: Outcome) -> list[CheckResult]:
    return [check for check in outcome.failed if check.severity == "critical"]


def _short(text: str) -> str:
    line = text.splitlines()[0] if text else ""
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."
