"""A seeded search for parameters by Optuna, scored on the last part of the training window."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import optuna
from pydantic import JsonValue
from sklearn.metrics import get_scorer

from retrainer.config.declaration import ModelConfig
from retrainer.config.estimator import Choices, Range
from retrainer.errors import BadDataError, RetrainerError
from retrainer.training.fit import fit
from retrainer.training.split import Examples

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trial:
    """One set of parameters and its score (the declared metric, larger is better) on the validation part."""

    number: int
    parameters: dict[str, JsonValue]
    score: float


def search_parameters(
    config: ModelConfig, examples: Examples, *, on_trial: Callable[[Trial], None]
) -> dict[str, JsonValue]:
    """The declared parameters, with the best found laid over them; just the declared ones where no search is declared.

    Trials learn from the first intervals of the training window and are scored on its last `validation_share`, so that
    the holdout stays unseen. `on_trial` is called after each trial. Without a time-out, the same examples and seed
    give the same parameters.

    Raises:
        BadDataError: no trial could be scored.
    """
    declared = dict(config.estimator.parameters)
    search = config.estimator.search
    if search is None:
        return declared
    learn, judge = _split(examples, search.validation_share)
    scorer = get_scorer(config.evaluation.metric)

    def objective(trial: optuna.Trial) -> float:
        chosen = {name: _suggest(trial, name, space) for name, space in search.space.items()}
        pipeline = fit(config, learn, parameters={**declared, **chosen})
        score = float(scorer(pipeline, judge.features, judge.label))
        on_trial(Trial(trial.number, chosen, score))
        log.info("trial %d of %d: %s %.5f", trial.number + 1, search.trials, config.evaluation.metric, score)
        return score

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=config.seed))
    try:
        study.optimize(objective, n_trials=search.trials, timeout=search.timeout_seconds, catch=(BadDataError,))
        return {**declared, **study.best_params}
    except ValueError as error:
        if isinstance(error, RetrainerError):
            raise
        raise BadDataError(f"none of {search.trials} trials could be scored: {error}") from error


def _split(examples: Examples, validation_share: float) -> tuple[Examples, Examples]:
    blocks = np.unique(examples.block.astype(str))
    first_judged = blocks[min(len(blocks) - 1, int(len(blocks) * (1 - validation_share)))]
    judged = examples.block.astype(str) >= first_judged
    return examples.take(~judged), examples.take(judged)


def _suggest(trial: optuna.Trial, name: str, space: Range | Choices) -> JsonValue:
    if isinstance(space, Choices):
        choice: JsonValue = trial.suggest_categorical(name, space.choices)
        return choice
    if isinstance(space.low, int) and isinstance(space.high, int):
        return int(trial.suggest_int(name, space.low, space.high, log=space.log))
    return float(trial.suggest_float(name, float(space.low), float(space.high), log=space.log))
