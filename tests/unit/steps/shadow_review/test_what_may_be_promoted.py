"""shadow_review promotes what the declaration lets it promote by now, and no other version."""

from dataclasses import replace
from typing import Any

import pytest

from retrainer.contracts import Approval
from tests.live import log_predictions
from tests.released import Releases
from tests.unit.steps.shadow_review.trial import BETTER, FLIGHTS, GOOD, NO_IDEA, log_both, review


def declared(model: Releases, **deployment: Any) -> Releases:
    """The same model after its owner changed the declaration."""
    config = model.world.config
    changed = config.model_copy(update={"deployment": config.deployment.model_copy(update=deployment)})
    return replace(model, world=replace(model.world, config=changed))


@pytest.mark.parametrize(
    ("deployment", "reason"),
    [
        ({"automatic": False}, "deployment.automatic is false"),
        ({"approval": "required"}, "a promotion of this model needs approval, and no answer came to deploy"),
    ],
    ids=["not automatic", "approval required"],
)
def test_what_the_declaration_forbids_by_now_is_not_promoted_and_stays_in_the_shadow(served, deployment, reason):
    log_both(served, shadow=BETTER)
    found = review(declared(served, **deployment))
    assert (found.verdict, found.action, found.sequence, found.labelled) == ("unknown", None, None, 480)
    assert found.reason.startswith(f"{reason}; otherwise promoted: on 241 live predictions with a label")
    assert served.actions()[2:] == [("shadow", 3)]
    assert served.now.shadow == 3
    assert served.aliases()["champion"] == 2
    assert review(served, run_id="allowed again").action == "promote"


def test_what_is_worse_is_rejected_whatever_may_be_promoted(served):
    log_both(served, shadow=NO_IDEA)
    assert review(declared(served, automatic=False)).action == "reject"


@pytest.mark.parametrize(("approved", "verdict"), [(True, "promote"), (False, "unknown")])
def test_an_approval_that_the_trial_began_with_is_enough(served, approved, verdict):
    by = Approval(asked=True, approved=approved, by="ada")
    served.deploy(served.register(), approval=by)  # v4 takes the place of v3, needing no approval yet
    assert served.now.shadow == 4
    log_predictions(served.world, FLIGHTS, GOOD, version=2, source="model")
    log_predictions(served.world, FLIGHTS, BETTER, version=4, source="shadow")
    found = review(declared(served, approval="required"))
    assert (found.verdict, found.version) == (verdict, 4)
