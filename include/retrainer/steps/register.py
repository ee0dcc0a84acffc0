"""register: the challenger as a version of the MLflow registry, with all that names where it comes from."""

import logging

from retrainer.config.declaration import ModelConfig
from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import (
    Decision,
    FeatureSet,
    Registration,
    StepRequest,
    TrainedModel,
    canonical_json,
    digest_json,
)
from retrainer.registry import CHALLENGER, DIGEST, RUNTIME, RUNTIME_NOTE, Versions
from retrainer.steps.inputs import declaration, result_of
from retrainer.steps.model_documents import DocumentPages, document_pages, write_documents
from retrainer.steps.provenance import provenance
from retrainer.steps.tracking import connect_tracking

log = logging.getLogger(__name__)


def run(request: StepRequest, settings: RuntimeSettings) -> Registration:
    """Register the challenger, or find the version that this very request registered before; write its documents."""
    config = declaration(request)
    trained = result_of(request, "train", TrainedModel)
    tracking = connect_tracking(settings)
    versions = Versions(tracking, config.name)
    pages = document_pages(tracking, config, trained)
    version = versions.find(trained.identity)
    created = version is None
    if version is None:
        decision = result_of(request, "compare", Decision)
        versions.ensure_model(config.description)
        version = versions.register(
            source=trained.model_uri,
            run_id=trained.run_id,
            identity=trained.identity,
            tags=_tags(request, settings, config, trained=trained, pages=pages),
            description=f"{_verdict(decision)} as of {request.as_of:%Y-%m-%d}: {decision.reason}",
        )
    write_documents(tracking, request, version, pages)
    versions.set_alias(CHALLENGER, version.version)
    log.info("%s version %d", "registered as" if created else "was registered before as", version.version)
    return Registration(
        name=config.name,
        version=version.version,
        version_url=tracking.version_url(config.name, version.version),
        created=created,
        card_url=pages.card_url,
    )


def _tags(
    request: StepRequest,
    settings: RuntimeSettings,
    config: ModelConfig,
    *,
    trained: TrainedModel,
    pages: DocumentPages,
) -> dict[str, str]:
    features = result_of(request, "build_features", FeatureSet)
    decision = result_of(request, "compare", Decision)
    made_by = provenance(config, settings.project_root)
    return {
        DIGEST: trained.artifact_digest,
        "retrainer.owner": config.owner,
        "retrainer.interval": f"{request.interval.start.isoformat()}/{request.interval.end.isoformat()}",
        "retrainer.as_of": request.as_of.isoformat(),
        "retrainer.snapshot": canonical_json([ref.model_dump(mode="json") for ref in features.snapshot]),
        "retrainer.features": features.table.to_json(),
        "retrainer.run": trained.run_id,
        "retrainer.airflow_run": request.run_id,
        "retrainer.config_digest": digest_json(request.config),
        "retrainer.code_digest": made_by.code_digest,
        "retrainer.lock_digest": made_by.lock_digest,
        "retrainer.commit": made_by.commit,
        "retrainer.decision": _verdict(decision),
        "retrainer.reason": decision.reason,
        "retrainer.model_card": pages.card_url,
        "retrainer.data_sheet": pages.sheet_url,
        "retrainer.report": decision.report_url,
        **_runtime(decision),
    }


def _runtime(decision: Decision) -> dict[str, str]:
    if decision.export is None:
        return {RUNTIME: "scikit-learn", RUNTIME_NOTE: f"ONNX was not compared: {decision.reason}"}
    return {RUNTIME: decision.export.runtime, RUNTIME_NOTE: decision.export.message}


def _verdict(decision: Decision) -> str:
    return "promote" if decision.promote else "reject"
