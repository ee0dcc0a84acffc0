"""Pictures of the history: which there are, what is on them, and that odd numbers stop none."""

import struct
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import matplotlib.axes
import pytest

from retrainer.contracts import Interval, Recorded
from retrainer.monitoring.plots import draw_history

FIRST = datetime(2013, 6, 1, 4, tzinfo=UTC)


def recorded(night: int = 0, value: float | None = 0.05, **changes: object) -> Recorded:
    start = FIRST + timedelta(days=night)
    given = {
        "interval": Interval(start=start, end=start + timedelta(days=1)),
        "version": 3,
        "about": "feature",
        "subject": "temp",
        "measure": "shift",
        "value": value,
        "expected": 0.1,
        "revision": 1,
        "run_id": "a_run",
        "measured_at": FIRST,
    }
    return Recorded(**{**given, **changes})


def course(**changes: object) -> list[Recorded]:
    return [recorded(night, 0.04 + 0.01 * night, **changes) for night in range(5)]


def titles(history: list[Recorded]) -> list[str]:
    """The titles of the panels, in their order."""
    with patch.object(
        matplotlib.axes.Axes, "set_title", autospec=True, side_effect=matplotlib.axes.Axes.set_title
    ) as set_title:
        draw_history(history)
    return [call.args[1] for call in set_title.call_args_list]


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_there_is_a_picture_for_each_kind_of_which_something_is_known() -> None:
    drift = course()
    performance = course(about="performance", subject="roc_auc", measure="roc_auc", low=0.0, high=0.2)
    service = course(about="service", subject="p95_ms", measure="p95_ms", version=None)

    assert list(draw_history(drift)) == ["drift.png"]
    assert list(draw_history([*service, *performance, *drift])) == ["drift.png", "performance.png", "service.png"]
    assert draw_history([]) == {}


def test_each_column_has_a_panel_of_its_own() -> None:
    one, four = (
        draw_history([each for number in range(count) for each in course(subject=f"column {number}")])["drift.png"]
        for count in (1, 4)
    )

    assert size(four) == (3 * size(one)[0], 2 * size(one)[1])


def test_what_stood_out_most_comes_first_and_lesser_measures_only_then() -> None:
    quiet, loud = course(subject="dest", measure="divergence"), course(flagged=True)
    psi = course(subject="dest", measure="psi")
    missing = [
        *course(subject="wind", measure="missing")[1:],
        recorded(subject="wind", measure="missing", flagged=True),
    ]

    assert titles([*quiet, *psi, *missing, *loud]) == ["temp: shift", "wind: missing", "dest: divergence"]


def test_at_most_thirty_panels_are_drawn() -> None:
    history = [each for number in range(40) for each in course(subject=f"column {number:02}")]
    flagged = course(subject="zoo", flagged=True)

    found = titles([*history, *flagged])

    assert len(found) == 30
    assert found[:2] == ["zoo: shift", "column 00: shift"]


def test_a_number_that_was_corrected_is_drawn_as_it_stands_now() -> None:
    newer = recorded(2, 0.9, revision=2)

    assert draw_history([*course(), newer]) == draw_history([newer, *course()])
    assert draw_history([*course(), newer]) != draw_history(course())


def test_equal_numbers_give_equal_bytes() -> None:
    assert draw_history(course()) == draw_history(list(reversed(course())))


ODD = {
    "one interval": [recorded()],
    "an interval without a value": [recorded(0), recorded(1, None, note="no rows"), recorded(2)],
    "nothing to compare with": course(expected=None),
    "bounds on one side": course(low=0.01),
    "two versions in an interval": [recorded(0), recorded(0, version=4), recorded(1, version=4)],
    "the rule's answers": [recorded(0, version=None), recorded(1)],
    "the same value always": [recorded(night, 0.0) for night in range(4)],
    "huge values": [recorded(0, 1e300), recorded(1, -1e300)],
    "a long name of odd characters": course(subject="Zürich ✈ $x^2_{" + "\n" * 3 + "y" * 90),
}


@pytest.mark.parametrize("history", ODD.values(), ids=ODD)
@pytest.mark.filterwarnings("error")
def test_odd_numbers_stop_no_picture(history: list[Recorded]) -> None:
    width, height = size(draw_history(history)["drift.png"])

    assert width > 300
    assert height > 150


def test_a_measure_that_was_never_known_has_no_panel() -> None:
    assert draw_history([recorded(0, None), recorded(1, None)]) == {}
