"""A version of the small declaration, and what was decided about it."""

from typing import Any

from retrainer.config.declaration import ModelConfig
from retrainer.contracts import (
    CheckResult,
    Decision,
    FeatureSet,
    Gate,
    Interval,
    SliceResult,
    TableRef,
    TrainedModel,
    ValidationReport,
)
from retrainer.documents import ColumnProfile, MadeBy, VersionFacts
from tests.factories import day, make_config

TRAINING = Interval(start=day(1).start, end=day(5).end)
HOLDOUT = Interval(start=day(6).start, end=day(7).end)
RUN_URL = "http://mlflow.test/#/experiments/1/runs/r1"


def a_decision(**changes: Any) -> Decision:
    decision = Decision(
        promote=True,
        reason="better than champion v3: roc_auc 0.7100 against 0.7000",
        metric="roc_auc",
        reference="champion",
        champion_version=3,
        rows=12_345,
        blocks=14,
        holdout=HOLDOUT,
        challenger_value=0.71,
        challenger_low=0.69,
        challenger_high=0.73,
        reference_value=0.7,
        difference=0.01,
        low=0.002,
        high=0.018,
        confidence=0.9,
        gates=(
            Gate(name="superiority", passed=True, value=0.002, threshold=0.0, message="better than champion v3"),
            Gate(name="latency", passed=False, value=612.3, threshold=500, message="p95 612.3 ms, above 500 ms"),
        ),
        slices=(
            SliceResult(
                column="region", value="north", rows=900, status="passed", challenger_value=0.72, reference_value=0.7,
                difference=0.02, low=-0.01, high=0.05, message="not shown to be worse",
            ),
            SliceResult(column="region", value="far", rows=7, status="not_judged", message="7 rows, 20 are needed"),
        ),
        report_url=f"{RUN_URL}/artifacts/evaluation_report.html",
    )  # fmt: skip
    return decision.model_copy(update=changes)


def a_trained(**changes: Any) -> TrainedModel:
    trained = TrainedModel(
        run_id="r1",
        run_url=RUN_URL,
        model_uri="models:/m-1",
        artifact_digest="a1" * 32,
        training=TRAINING,
        rows=54_321,
        parameters={},
        identity="1d" * 32,
    )
    return trained.model_copy(update=changes)


def a_table(name: str, **changes: Any) -> TableRef:
    window = Interval(start=TRAINING.start, end=HOLDOUT.end)
    table = TableRef(table=name, uri=f"file:///data/{name}", version=4, window=window, rows=96, digest="d9" * 32)
    return table.model_copy(update=changes)


def a_validation(**changes: Any) -> ValidationReport:
    failed = CheckResult(
        table="orders", batch="interval", expectation="expect_column_values_to_be_between", column="amount",
        severity="warning", success=False, failed_rows=3, message="3 rows have an amount above 1000",
    )  # fmt: skip
    report = ValidationReport(
        snapshot=(a_table("orders"),),
        checks=40,
        failed=(failed,),
        quarantined=("2026-01-03T00:00:00Z",),
        quality=0.975,
        docs_uri="file:///docs",
        docs_url="http://mlflow.test/docs",
    )
    return report.model_copy(update=changes)


def facts(config: ModelConfig | None = None, **changes: Any) -> VersionFacts:
    known: dict[str, Any] = {
        "config": config or make_config(),
        "version": 4,
        "version_url": "http://mlflow.test/#/models/order_late/versions/4",
        "as_of": HOLDOUT.end,
        "trained": a_trained(),
        "decision": a_decision(),
        "features": FeatureSet(
            table=a_table("features"),
            snapshot=(a_table("orders"),),
            training=TRAINING,
            holdout=HOLDOUT,
            as_of=HOLDOUT.end,
        ),
        "made_by": MadeBy(commit="c0ffee", code_digest="c1" * 32, lock_digest="10" * 32, software="9.9.9"),
        "validation": a_validation(),
        "profiles": {
            "orders": (
                ColumnProfile("amount", "DOUBLE", 0.0125, low="10", high="105"),
                ColumnProfile("region", "VARCHAR", 0.0, distinct=2),
            )
        },
    }
    return VersionFacts(**known | changes)
