"""The section `serving` of a declaration."""

import pytest
from pydantic import ValidationError

from retrainer.config.serving import Serving


@pytest.mark.parametrize("given", [{}, {"release": "canary", "canary": {"percents": [5]}}, {"release": "shadow"}])
def test_a_section_that_was_written_out_with_every_default_reads_back_the_same(given: dict) -> None:
    section = Serving.model_validate(given)

    assert Serving.model_validate(section.model_dump(mode="json")) == section


@pytest.mark.parametrize("given", [{"canary": {"percents": [5]}}, {"review": {"min_rows": 50}, "release": "canary"}])
def test_what_has_no_effect_on_a_release_of_that_kind_is_refused(given: dict) -> None:
    with pytest.raises(ValidationError, match="has no effect where release is"):
        Serving.model_validate(given)
