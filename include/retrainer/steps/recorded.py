"""What the registry says of a version: which data it was trained on, by which declaration, and what came out."""

from dataclasses import dataclass

from pydantic import JsonValue, TypeAdapter, ValidationError

from retrainer.config.declaration import ModelConfig
from retrainer.contracts import Interval, StepRequest, TableRef, TrainedModel, UtcDatetime
from retrainer.errors import BadDataError, ConfigurationError
from retrainer.registry import ARCHIVED, RunRecord, Tracking, Version, Versions, find_run
from retrainer.steps.saved_declaration import not_whole, saved_declaration
from retrainer.steps.train import RESULT_TAG

_REFS = TypeAdapter(tuple[TableRef, ...])
_MOMENT = TypeAdapter(UtcDatetime)


@dataclass(frozen=True, slots=True)
class Recorded:
    """One version as the registry has it.

    `declared` is the declaration as it was kept, `config` the same, read. `request` is that of its training, without
    the inputs; `snapshot` is empty where none was pinned.
    """

    version: Version
    run: RunRecord
    trained: TrainedModel
    declared: dict[str, JsonValue]
    config: ModelConfig
    request: StepRequest
    features: TableRef
    snapshot: tuple[TableRef, ...]


def read_recorded(tracking: Tracking, model: str, number: int) -> Recorded:
    """All that the registry says of version `number`.

    Raises:
        ConfigurationError: there is no such version, or this software does not understand its declaration.
        BadDataError: its files were archived, or its record is not whole.
    """
    versions = Versions(tracking, model)
    version = kept_version(versions, model, number)
    run = find_run(tracking, version.run_id) if version.run_id else None
    if run is None or RESULT_TAG not in run.tags:
        raise not_whole(version, f"run {version.run_id or '(none)'}, or its tag {RESULT_TAG}, is gone")
    declared, config = saved_declaration(tracking, version)
    features, snapshot = pinned_tables(version)
    return Recorded(
        version=version,
        run=run,
        trained=TrainedModel.from_json(run.tags[RESULT_TAG]),
        declared=declared,
        config=config,
        request=_request(version, config, declared),
        features=features,
        snapshot=snapshot,
    )


def kept_version(versions: Versions, model: str, number: int) -> Version:
    """Version `number`, whose files are there.

    Raises:
        ConfigurationError: there is no such version.
        BadDataError: its files were archived.
    """
    version = versions.get(number)
    if version is None:
        there = ", ".join(str(each.version) for each in versions.all()[-10:]) or "none"
        raise ConfigurationError(f"{model} has no version {number} in the registry (the last ones: {there})")
    if ARCHIVED in version.tags:
        raise BadDataError(
            f"v{number} of {model} was archived at {version.tags[ARCHIVED]}: its files are deleted",
            hint="Set the tag retrainer.pinned to true on a version that has to be kept.",
        )
    return version


def pinned_tables(version: Version) -> tuple[TableRef, tuple[TableRef, ...]]:
    """The feature table and the snapshot tables that a version was trained on, as its tags name them.

    Raises:
        BadDataError: a tag is missing or was changed to something else.
    """
    try:
        features = TableRef.from_json(version.tags.get("retrainer.features", ""))
        return features, _REFS.validate_json(version.tags.get("retrainer.snapshot", ""))
    except ValidationError as error:
        raise not_whole(version, "tag retrainer.features or retrainer.snapshot names no data") from error


def _request(version: Version, config: ModelConfig, declared: dict[str, JsonValue]) -> StepRequest:
    try:
        start, _, end = version.tags.get("retrainer.interval", "").partition("/")
        interval = Interval.model_validate({"start": start, "end": end})
        as_of = _MOMENT.validate_python(version.tags.get("retrainer.as_of"))
    except ValidationError as error:
        raise not_whole(version, "tag retrainer.interval or retrainer.as_of names no time") from error
    return StepRequest(
        step="train",
        model=version.name,
        config=declared,
        interval=interval,
        as_of=as_of,
        seed=config.seed,
        run_id=f"rebuild of v{version.version}",
    )
