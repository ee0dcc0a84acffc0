"""Model card and data sheet of a version, in the MLflow run that trained it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from retrainer.config.declaration import ModelConfig
from retrainer.contracts import Decision, FeatureSet, StepRequest, TableRef, TrainedModel, ValidationReport
from retrainer.documents import ColumnProfile, MadeBy, VersionFacts, data_sheet, document_page, model_card
from retrainer.errors import ConfigurationError
from retrainer.registry import RunRecord, Tracking, Version, find_finished_run, upload
from retrainer.snapshots import connect, open_view
from retrainer.snapshots.connection import identifier
from retrainer.steps.inputs import declaration, result_of

_CARD = "model_card"
_SHEET = "data_sheet"
_ORDERED = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DATE", "TIMESTAMP", "DECIMAL")
"""Beginnings of the names of DuckDB's types whose least and greatest value say something."""


@dataclass(frozen=True, slots=True)
class DocumentPages:
    """Where the documents of a version are, known before it is registered. `run` is the one that trained it."""

    run: RunRecord
    card_url: str
    sheet_url: str


def document_pages(tracking: Tracking, config: ModelConfig, trained: TrainedModel) -> DocumentPages:
    """The pages in the MLflow UI.

    Raises:
        ConfigurationError: the run that trained the model is gone.
    """
    run = find_finished_run(tracking, config.name, trained.identity)
    if run is None:
        raise ConfigurationError(
            f"run {trained.run_id}, which trained the model, is not in MLflow", hint="Clear the task `train`."
        )
    card, sheet = (
        tracking.artifact_url(run.experiment_id, trained.run_id, f"{document}.html") for document in (_CARD, _SHEET)
    )
    return DocumentPages(run, card, sheet)


def write_documents(tracking: Tracking, request: StepRequest, version: Version, pages: DocumentPages) -> None:
    """Keep card and sheet, as Markdown and as HTML, in the training's run. The same request writes the same bytes.

    Raises:
        StoreConflictError: a table of the pinned snapshot cannot be read.
        TrackingUnavailableError: MLflow did not take them.
    """
    facts = _facts(tracking, request, version, pages.run)
    files: dict[str, str | bytes] = {}
    for document, text in ((_CARD, model_card(facts)), (_SHEET, data_sheet(facts))):
        files[f"{document}.md"] = text
        files[f"{document}.html"] = document_page(f"{document.replace('_', ' ').capitalize()}: {facts.name}", text)
    upload(tracking, facts.trained.run_id, files)


def _facts(tracking: Tracking, request: StepRequest, version: Version, run: RunRecord) -> VersionFacts:
    config = declaration(request)
    features = result_of(request, "build_features", FeatureSet)
    validated = "validate_data" in request.inputs
    return VersionFacts(
        config=config,
        version=version.version,
        version_url=tracking.version_url(config.name, version.version),
        as_of=request.as_of,
        trained=result_of(request, "train", TrainedModel),
        decision=result_of(request, "compare", Decision),
        features=features,
        made_by=MadeBy(
            commit=run.tags.get("mlflow.source.git.commit", ""),
            code_digest=run.tags.get("retrainer.code_digest", ""),
            lock_digest=run.tags.get("retrainer.lock_digest", ""),
            software=run.tags.get("retrainer.version", ""),
        ),
        validation=result_of(request, "validate_data", ValidationReport) if validated else None,
        profiles={ref.table: tuple(_profile(config, ref)) for ref in features.snapshot},
    )


def _profile(config: ModelConfig, ref: TableRef) -> Iterator[ColumnProfile]:
    """The declared columns of a pinned table, over all rows of its window, in one pass."""
    declared = config.source.tables[ref.table].columns if ref.table in config.source.tables else {}
    with connect() as connection:
        open_view(connection, ref, "rows")
        view = connection.sql("SELECT * FROM rows")
        types = {name: str(kind) for name, kind in zip(view.columns, view.types, strict=True) if name in declared}
        if not types:
            return
        measures = ", ".join(_measures(name, ordered=_is_ordered(kind)) for name, kind in types.items())
        measured = connection.execute(f"SELECT count(*), {measures} FROM rows").fetchone()
    rows, *values = measured or (0,)
    for place, (name, kind) in enumerate(types.items()):
        known, low, high = values[3 * place : 3 * place + 3]
        yield ColumnProfile(
            column=name,
            stored=kind,
            nulls=1 - known / rows if rows else 0.0,
            low=_text(low) if _is_ordered(kind) and low is not None else None,
            high=_text(high) if _is_ordered(kind) and high is not None else None,
            distinct=None if _is_ordered(kind) else int(low),
        )


def _measures(name: str, *, ordered: bool) -> str:
    column = identifier(name)
    if ordered:
        return f"count({column}), min({column}), max({column})"
    return f"count({column}), count(DISTINCT {column}), NULL"


def _is_ordered(kind: str) -> bool:
    return kind.startswith(_ORDERED)


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
