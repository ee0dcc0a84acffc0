"""What of the ledger's wish can be carried out with the versions that are loaded, and the line that comes of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from retrainer.contracts import Assignment, ServingSpec
from retrainer.serving.breaker import Breaker
from retrainer.serving.fallback import Fallback
from retrainer.serving.known_answers import serving_section
from retrainer.serving.local_copy import verify
from retrainer.serving.predictor import Predictor
from retrainer.serving.records import RecordParser
from retrainer.serving.slot import Line


def carried_out(
    wish: Assignment, now: Assignment | None, *, loaded: Collection[int], refused: Collection[int]
) -> Assignment:
    """`wish` without the versions that were refused or are not here; `now` is what is carried out until then.

    A champion that was refused leaves the one that is there, with its own reason. While the model is switched off no
    version need be here.
    """
    champion = wish.champion
    if champion is None or champion in loaded or (wish.off and champion not in refused):
        done = wish
    else:
        kept = now if now is not None and now.champion in loaded else Assignment(model=wish.model, sequence=0)
        champion_facts = ("champion", "since", "reason", "report_url")
        done = wish.model_copy(update={name: getattr(kept, name) for name in champion_facts})
    split = done.split if done.split is not None and done.split.version in loaded else None
    shadow = done.shadow if done.shadow in loaded else None
    return done.model_copy(update={"split": split, "shadow": shadow})


def make_line(
    assignment: Assignment, old: Line | None, loaded: Mapping[int, Predictor], *, folder: Path | None
) -> Line | None:
    """The line that carries `assignment` out, with as much of the `old` one as stays the same.

    `folder` is the local copy whose rule answers where the model cannot: the champion's own, where there is a champion.
    None where there is neither.

    Raises:
        UnsafeArtifactError: that copy was changed.
        ConfigurationError: its rule does not import.
    """
    champion = _of(loaded, assignment.champion)
    split = _of(loaded, assignment.split.version if assignment.split else None)
    shadow = _of(loaded, assignment.shadow)
    on_trial = [each.spec for each in (split, shadow) if each is not None]
    if folder is None:
        return old and replace(old, assignment=assignment, champion=None, split=None, shadow=None)
    spec = champion.spec if champion is not None else verify(folder)
    serving = serving_section(spec)
    stays = old is not None and champion is not None and champion is old.champion
    return Line(
        assignment=assignment,
        champion=champion,
        split=split,
        shadow=shadow,
        parser=RecordParser(_with_all_fields(spec, on_trial)),
        fallback=old.fallback if old is not None and stays else Fallback(folder, spec),
        breaker=old.breaker if old is not None and stays else Breaker(serving.breaker),
        serving=serving,
    )


def _of(loaded: Mapping[int, Predictor], version: int | None) -> Predictor | None:
    return loaded.get(version) if version is not None else None


def _with_all_fields(spec: ServingSpec, others: Sequence[ServingSpec]) -> ServingSpec:
    """`spec` with the fields that only `others` read, none of which a client has to send."""
    fields = {field.name: field for field in spec.fields}
    for other in others:
        for field in other.fields:
            fields.setdefault(field.name, field.model_copy(update={"required": False}))
    return spec.model_copy(update={"fields": tuple(fields.values())})
