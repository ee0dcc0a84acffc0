"""The rules of release: what the ledger's entries come to, and what a decision may change in production."""

from retrainer.deployment.rules import Challenger, Plan, plan_release
from retrainer.deployment.standing import Standing, standing, standings

__all__ = ["Challenger", "Plan", "Standing", "plan_release", "standing", "standings"]
