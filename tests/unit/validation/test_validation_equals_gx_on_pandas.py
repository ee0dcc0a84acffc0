"""Verdicts and failure counts of `validate` are those of GX on its own pandas engine, over 200 mutated tables."""

from pathlib import Path

import duckdb
import great_expectations as gx
import pandas as pd
import pytest
from great_expectations.core import ExpectationSuite
from mutated_tables import EXPECTATIONS, mutated_table, write_parquet

from retrainer.validation import Batch, Expectation, Suite, validate
from retrainer.validation.gx_duckdb import pandas_engine, run_on

TABLES = 200
GROUPS = 4
"""Each table is asked every fourth expectation, in turn: all of them on all tables would take three minutes."""

Verdict = tuple[str, bool, int]


def _verdict(place: int, result) -> Verdict:
    failed = (result.result or {}).get("unexpected_count") or 0
    return f"{place} {result.expectation_config.type}", bool(result.success), int(failed)


def _on_pandas(frame: pd.DataFrame, expectations: list[Expectation]) -> list[Verdict]:
    results = run_on(pandas_engine(frame), Suite("flights", expectations).configurations())
    places = {int(result.expectation_config.id): result for result in results}
    return [_verdict(place, places[place]) for place in range(len(expectations))]


def _on_duckdb(path: Path, expectations: list[Expectation]) -> list[Verdict]:
    with duckdb.connect() as connection:
        connection.execute(f"CREATE VIEW flights AS SELECT * FROM '{path}'")
        outcome = validate(Batch("flights", "interval", connection, "flights", {}), Suite("flights", expectations))
    declared = outcome.checks[-len(expectations) :]
    return [(f"{place} {c.expectation}", c.success, c.failed_rows) for place, c in enumerate(declared)]


@pytest.mark.timeout(900)
def test_verdicts_and_failure_counts_equal_gx_on_pandas_over_200_mutated_tables(tmp_path):
    differing = {}
    seen = set()
    for seed in range(TABLES):
        expectations = EXPECTATIONS[seed % GROUPS :: GROUPS]
        table, mutations = mutated_table(seed)
        path = write_parquet(table, tmp_path / f"{seed}.parquet")
        expected = _on_pandas(pd.read_parquet(path), expectations)
        found = _on_duckdb(path, expectations)
        seen.update((seed % GROUPS, name, success) for name, success, _ in expected)
        pairs = [(want, got) for want, got in zip(expected, found, strict=True) if want != got]
        if pairs:
            differing[f"{seed} {mutations}"] = pairs
    assert not differing
    assert len(seen) == 2 * len(EXPECTATIONS), "each expectation must have passed on one table and failed on another"


def test_the_pandas_side_of_the_comparison_is_what_a_gx_data_context_reports(tmp_path):
    table, _ = mutated_table(3)
    frame = pd.read_parquet(write_parquet(table, tmp_path / "table.parquet"))
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("flights")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    configurations = [each.to_json_dict() for each in Suite("flights", EXPECTATIONS).configurations()]
    for configuration in configurations:
        configuration["meta"] = {"place": int(configuration.pop("id"))}
    suite = ExpectationSuite("flights", expectations=configurations)
    results = batch.validate(suite, result_format="SUMMARY").results
    places = {result.expectation_config.meta["place"]: result for result in results}
    reported = [_verdict(place, places[place]) for place in range(len(EXPECTATIONS))]
    assert reported == _on_pandas(frame, EXPECTATIONS)
