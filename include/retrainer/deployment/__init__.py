"""The rules of release: what the ledger's entries come to, what a decision may change, what a server made of it."""

from retrainer.deployment.level import broken_level, in_numbers
from retrainer.deployment.progress import Progress, is_wanted, progress
from retrainer.deployment.recorded import recorded_digest
from retrainer.deployment.rules import Challenger, Plan, held_back, plan_release, way_of
from retrainer.deployment.standing import Standing, percent_of, standing, standings

__all__ = [
    "Challenger",
    "Plan",
    "Progress",
    "Standing",
    "broken_level",
    "held_back",
    "in_numbers",
    "is_wanted",
    "percent_of",
    "plan_release",
    "progress",
    "recorded_digest",
    "standing",
    "standings",
    "way_of",
]
