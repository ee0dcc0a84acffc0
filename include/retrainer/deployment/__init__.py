"""The rules of release: what the ledger's entries come to, and what a decision may change in production."""

from retrainer.deployment.rules import Challenger, Plan, plan_release
from retrainer.deployment.standing import Standing, percent_of, standing, standings

__all__ = ["Challenger", "Plan", "Standing", "percent_of", "plan_release", "standing", "standings"]
