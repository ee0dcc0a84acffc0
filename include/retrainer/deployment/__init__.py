"""The rules of release: what a decision may change in production, given what is there."""

from retrainer.deployment.rules import Champion, Plan, plan_release

__all__ = ["Champion", "Plan", "plan_release"]
