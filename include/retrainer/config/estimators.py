"""Every estimator that a declaration may name, with its kind and the names of its parameters.

An estimator comes in here once it can be fitted from a table by itself, the same seed gives the same model, and all
types of what it saves were reviewed (`retrainer.saved.trusted`).
"""

from retrainer.config.boosting_names import BOOSTING, BOOSTING_PARAMETERS
from retrainer.config.sklearn_names import ESTIMATORS as SKLEARN
from retrainer.config.sklearn_names import Task
from retrainer.config.sklearn_parameters import PARAMETERS as SKLEARN_PARAMETERS

ESTIMATORS: dict[str, Task] = {**SKLEARN, **BOOSTING}
"""Dotted path: classifier or regressor."""

PARAMETERS: dict[str, frozenset[str]] = {**SKLEARN_PARAMETERS, **BOOSTING_PARAMETERS}
"""Dotted path: the names of its parameters."""
