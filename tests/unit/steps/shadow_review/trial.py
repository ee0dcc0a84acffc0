"""A trial in the shadow: what both versions said of 480 flights, and a review of it."""

from typing import Any

from retrainer.config.serving import ServiceLevel, Serving
from retrainer.config.serving import ShadowReview as ReviewSettings
from retrainer.contracts import ShadowReview, StepRequest
from retrainer.steps import shadow_review as step
from tests.live import as_of, log_predictions, make_flights, scores
from tests.released import Releases

SERVING = Serving(
    release="shadow",
    level=ServiceLevel(watch_seconds=0, p95_ms=100, min_requests=20),
    review=ReviewSettings(min_rows=200),
)
FLIGHTS = make_flights(8, a_day=60)
NO_IDEA = scores(FLIGHTS, signal=0, seed=1)
GOOD = scores(FLIGHTS, signal=2, seed=2)
BETTER = scores(FLIGHTS, signal=4, seed=3)


def log_both(model: Releases, *, shadow: Any, champion: Any = GOOD, **options: Any) -> None:
    log_predictions(model.world, FLIGHTS, champion, version=2, source="model", **options)
    log_predictions(model.world, FLIGHTS, shadow, version=3, source="shadow", **options)


def request_of(model: Releases, *, days: int = 9, run_id: str = "a review", **params: Any) -> StepRequest:
    request = model.world.request("shadow_review", as_of(days), {}, run_id=run_id)
    return request.model_copy(update={"params": params})


def review(model: Releases, **options: Any) -> ShadowReview:
    return step.run(request_of(model, **options), model.world.settings)
