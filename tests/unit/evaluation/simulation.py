"""How often a challenger that is not better is promoted, and how often a better one, by simulation.

`python -m tests.unit.evaluation.simulation` prints the tables of docs/false-promotions.md. Every holdout is drawn from
its own seed, so a test that repeats the first ones finds them again to the bit.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from retrainer.evaluation import Predictions, paired_difference
from retrainer.evaluation.gain import champion_gate
from tests.factories import make_config

ROWS_A_DAY = 60
RESAMPLES = 500
CONFIDENCE = 0.9
REPETITIONS = 4000


@dataclass(frozen=True)
class Scenario:
    """Days of rows and two models on them.

    `shared` is the spread of days that both models miss alike, `own` that of days each misses in its own way; `noise`
    and `champion_noise` are the spread of the models' errors from row to row: equal where they are equally good.
    """

    metric: str
    days: int
    shared: float = 0.5
    own: float = 0.0
    noise: float = 0.8
    champion_noise: float = 0.8
    margin: float | None = None

    @property
    def classifier(self) -> bool:
        return not self.metric.startswith("neg_mean_absolute")

    @property
    def title(self) -> str:
        return f"{self.metric}, {self.days} days"


METRICS = ("roc_auc", "neg_log_loss", "neg_mean_absolute_error")
DAYS = (8, 14)
SPREADS = ((0.5, 0.0), (1.5, 0.0), (0.5, 0.5), (0.0, 1.0))
"""shared, own"""

EQUAL = tuple(Scenario(metric, days, shared, own) for metric in METRICS for days in DAYS for shared, own in SPREADS)
BETTER = tuple(Scenario(metric, days, noise=noise) for metric in METRICS for days in DAYS for noise in (0.7, 0.5, 0.3))


@dataclass(frozen=True)
class Rates:
    """Shares of `repetitions` holdouts, 0 to 1, and the mean difference of the two models."""

    repetitions: int
    promoted: int
    by_point: int
    difference: float

    @property
    def rate(self) -> float:
        return self.promoted / self.repetitions


def holdout(scenario: Scenario, seed: int) -> tuple[np.ndarray, np.ndarray, tuple[Predictions, Predictions]]:
    """Labels, days and the predictions of challenger and champion on one holdout."""
    generator = np.random.default_rng(seed)
    day = np.repeat(np.arange(scenario.days), ROWS_A_DAY)
    known = generator.normal(size=len(day))
    together = scenario.shared * generator.normal(size=scenario.days)[day]
    if scenario.classifier:
        label = (generator.random(len(day)) < 1 / (1 + np.exp(1 - known - together))).astype(np.float64)
    else:
        label = known + together
    models = []
    for noise in (scenario.noise, scenario.champion_noise):
        own = scenario.own * generator.normal(size=scenario.days)[day]
        models.append(_predictions(known + own + noise * generator.normal(size=len(day)), scenario.classifier))
    return label, day.astype(object), (models[0], models[1])


def simulate(scenario: Scenario, repetitions: int) -> Rates:
    """Compare the two models on holdouts number 0, 1, ... by the gate that decides in production."""
    gates = {"test": "non_inferiority", "margin": scenario.margin} if scenario.margin else {}
    kind = "Classifier" if scenario.classifier else "Regressor"
    estimator = {"type": f"sklearn.ensemble.HistGradientBoosting{kind}"}
    config = make_config(
        estimator=estimator, evaluation={"metric": scenario.metric, "confidence": CONFIDENCE}, gates=gates
    )
    promoted, by_point, total = 0, 0, 0.0
    for seed in range(repetitions):
        label, day, models = holdout(scenario, seed)
        found = paired_difference(
            scenario.metric, label, models, block=day, resamples=RESAMPLES, confidence=CONFIDENCE, seed=seed
        )
        promoted += champion_gate(config, 1, found).passed
        by_point += found.difference > 0
        total += found.difference
    return Rates(repetitions, promoted, by_point, total / repetitions)


def equal_line(scenario: Scenario, rates: Rates) -> str:
    """One line of the table of equally good models."""
    return (
        f"| {scenario.title} | {scenario.shared:g} | {scenario.own:g} "
        f"| {rates.rate:.1%} | {rates.by_point / rates.repetitions:.0%} |"
    )


def better_line(scenario: Scenario, rates: Rates) -> str:
    """One line of the table of better challengers."""
    point = rates.by_point / rates.repetitions
    return f"| {scenario.title} | {rates.difference:+.4f} | {rates.rate:.0%} | {point:.0%} |"


def main(repetitions: int = REPETITIONS) -> None:
    """Print both tables."""
    out = sys.stdout.write
    out("| metric, holdout | days missed alike | days missed apart | promoted | by the point alone |\n")
    out("|---|---|---|---|---|\n")
    _print(equal_line(each, simulate(each, repetitions)) for each in EQUAL)
    out("\n| metric, holdout | true difference | promoted | by the point alone |\n|---|---|---|---|\n")
    _print(better_line(each, simulate(each, repetitions // 4)) for each in BETTER)


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _predictions(value: np.ndarray, classifier: bool) -> Predictions:
    if not classifier:
        return Predictions(value, value, classifier=False)
    probability = 1 / (1 + np.exp(1 - value))
    return Predictions(probability, (probability > 0.5).astype(np.float64), classifier=True)


if __name__ == "__main__":
    main()
