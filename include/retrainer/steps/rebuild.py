"""rebuild: train a registered version again from its registry entry alone, and say whether the same comes out.

Data are the pinned versions of the snapshot tables; configuration and code are what was kept with the version. Today's
declaration and today's feature code are not looked at. Nothing is written but temporary files.
"""

import importlib.metadata
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import FeatureSet, Interval, Rebuild, StepRequest
from retrainer.errors import ConfigurationError
from retrainer.evaluation import predictions_of
from retrainer.features import feature_columns
from retrainer.registry import model_files
from retrainer.saved import CODE, content_digest, own_code, read_facts, read_onnx, read_sample, saved_content_digest
from retrainer.snapshots import read_again
from retrainer.steps.build_features import build, windows
from retrainer.steps.examples import read_examples
from retrainer.steps.provenance import Provenance, code_digest, commit, lock_digest, training_identity
from retrainer.steps.rebuild_checks import Outcome, first_difference, rebuild_checks
from retrainer.steps.recorded import Recorded, read_recorded
from retrainer.steps.served_artifact import export_fitted
from retrainer.steps.tracking import connect_tracking
from retrainer.training import check_examples, examples_digest, fit, search_parameters

log = logging.getLogger(__name__)

_VERDICTS = {True: "same", False: "differs", None: "not compared"}
_REQUIREMENTS = "requirements.txt"


def run(request: StepRequest, settings: RuntimeSettings) -> Rebuild:
    """Rebuild the version that `params.version` of the request names.

    Raises:
        ConfigurationError: there is no such version, or this software does not understand its declaration.
        BadDataError: its files were archived, its record is not whole, or its data are gone.
        UnsafeArtifactError: its files differ from their recorded digest.
    """
    recorded = read_recorded(connect_tracking(settings), request.model, _version_asked(request))
    version = recorded.version
    with model_files(version.source, digest=version.digest) as files, _features(recorded) as data:
        outcome = _train_again(recorded, data, files=files, root=settings.project_root)
    checks = rebuild_checks(recorded, outcome)
    for check in checks:
        log.info("%s: %s: %s", check.name, _VERDICTS[check.matches], check.message)
    difference = first_difference(checks)
    return Rebuild(
        model=request.model,
        version=version.version,
        matches=not difference,
        first_difference=difference,
        checks=checks,
    )


def _version_asked(request: StepRequest) -> int:
    version = request.params.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ConfigurationError(f"params.version of the request must be the number of a version, got {version!r}")
    return version


@contextmanager
def _features(recorded: Recorded) -> Iterator[FeatureSet]:
    """The features, built again from the pinned snapshot into a temporary folder.

    Where no snapshot was pinned, they are the pinned features themselves.
    """
    training, holdout = windows(recorded.config, recorded.request)
    window = Interval(start=training.start, end=holdout.end)
    snapshot = tuple(read_again(ref) for ref in recorded.snapshot)
    with TemporaryDirectory(prefix="retrainer-rebuild-") as scratch:
        if snapshot:
            intervals = recorded.config.schedule.intervals(window.start, window.end)
            uri = str(Path(scratch, "features"))
            table = build(recorded.config, snapshot, intervals=intervals, window=window, uri=uri)
        else:
            table = read_again(recorded.features)
        yield FeatureSet(
            table=table, snapshot=snapshot, training=training, holdout=holdout, as_of=recorded.request.as_of
        )


def _train_again(recorded: Recorded, features: FeatureSet, *, files: Path, root: Path) -> Outcome:
    """Train with the code that is in `files`, and take down what came out."""
    config = recorded.config
    columns = _columns(recorded, files)
    training, holdout = features.training, features.holdout
    examples = read_examples(config, features, window=training, known_by=holdout.start, columns=columns)
    judged = read_examples(config, features, window=holdout, known_by=features.as_of, columns=columns)
    check_examples(config, examples)
    inputs, recorded_outputs = read_sample(files)
    with own_code(files, config.features.module):
        parameters = search_parameters(config, examples, on_trial=lambda _: None)
        pipeline = fit(config, examples, parameters=parameters)
        outputs = predictions_of(pipeline, inputs).output
        content = content_digest(pipeline)
        exported = export_fitted(config, pipeline, inputs, outputs=outputs).onnx
    recorded_onnx = read_onnx(files)
    package = config.features.module.partition(".")[0]
    return Outcome(
        made_by=Provenance(code_digest(config, files / CODE / package), lock_digest(root), commit(root)),
        libraries=_changed_libraries(files / _REQUIREMENTS),
        snapshot=features.snapshot,
        features=features.table,
        identity=_identity(recorded, [examples_digest(examples), examples_digest(judged)]),
        parameters=parameters,
        outputs=outputs,
        recorded_outputs=recorded_outputs,
        content=content,
        recorded_content=saved_content_digest(files),
        onnx=exported if recorded_onnx is not None else None,
        recorded_onnx=recorded_onnx,
    )


def _columns(recorded: Recorded, files: Path) -> tuple[str, ...]:
    """The columns of the examples, in the order in which the model was given them."""
    columns, given = feature_columns(recorded.config), read_facts(files).columns
    return given if {*given} == {*columns} else columns


def _identity(recorded: Recorded, rows: list[str]) -> str:
    """The identity of the training, were it only for the rows: code and lock are compared by themselves."""
    tags = recorded.version.tags
    made_by = Provenance(tags.get("retrainer.code_digest", ""), tags.get("retrainer.lock_digest", ""), commit="")
    return training_identity(recorded.request, rows, made_by)


def _changed_libraries(requirements: Path) -> tuple[str, ...]:
    """The libraries that a saved model needs and that are installed in another version now, in words."""
    changed = []
    for line in requirements.read_text(encoding="utf-8").splitlines() if requirements.is_file() else []:
        name, pinned, version = line.partition("==")
        if pinned and (installed := _installed(name)) != version:
            changed.append(f"{name} {version} then, {installed} now")
    return tuple(changed)


def _installed(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "none"
