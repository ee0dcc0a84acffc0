"""How far a model server is with an entry of the ledger. Pure: entry and status go in."""

from dataclasses import dataclass
from typing import Literal

from retrainer.contracts import Entry, ModelStatus, ServedVersion, Split
from retrainer.deployment.standing import Standing, percent_of

State = Literal["waiting", "served", "off", "refused", "broken", "superseded"]
"""waiting: not carried out yet. served: carried out. off: carried out as far as can be seen, the model is switched off.
refused: the server tried the version and will not serve it. broken: it did, and the service level broke. superseded:
the ledger asks for something else by now."""

_ABOUT_THE_CHAMPION = ("promote", "rollback", "switch_on")


@dataclass(frozen=True, slots=True)
class Progress:
    """What became of an entry in a server. `served` is the version that the entry is about, `reason` the server's."""

    state: State
    served: ServedVersion | None = None
    reason: str = ""


def progress(entry: Entry, status: ModelStatus | None) -> Progress:
    """How far the server is that says `status`; None: it does not know the model."""
    if status is None or status.sequence < entry.sequence:
        return Progress("waiting")
    if entry.action == "switch_off":
        return Progress("off" if status.off else "waiting")
    version, served = _asked_for(entry, status)
    if version is None or (served is not None and served.version == version):
        return Progress("served", served)
    reasons = [refusal.reason for refusal in status.refused if refusal.version == version]
    if reasons:
        return Progress("refused", reason=reasons[-1])
    return Progress("off" if status.off and entry.action in _ABOUT_THE_CHAMPION else "waiting")


def is_wanted(entry: Entry, now: Standing) -> bool:
    """Does the ledger still ask for what `entry` asked for?"""
    match entry.action:
        case "promote" | "rollback":
            return now.champion == entry.champion_version
        case "split":
            return now.split == _split(entry)
        case "shadow":
            return now.shadow == entry.version
        case "switch_off" | "switch_on":
            return now.off == (entry.action == "switch_off")
    return True


def _asked_for(entry: Entry, status: ModelStatus) -> tuple[int | None, ServedVersion | None]:
    """The version that has to be there (None: none), and the one that the server has in its place."""
    if entry.action in _ABOUT_THE_CHAMPION:
        return entry.champion_version, status.champion
    if entry.action == "shadow":
        return entry.version, status.shadow
    split = _split(entry)
    if split is None:
        return None, None
    return entry.version, status.split_version if status.split == split else None


def _split(entry: Entry) -> Split | None:
    percent = percent_of(entry.evidence) if entry.action == "split" else 0
    return Split(version=entry.version, percent=percent) if percent else None
