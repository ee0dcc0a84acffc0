"""The report: the decision's numbers always, Evidently's charts of what can be drawn, and nothing from outside."""

import base64
import gzip
import re
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from retrainer.contracts import Finding, Interval, Measurement
from retrainer.monitoring.report import Decided, ReportColumns, report_html

NIGHT = Interval(start=datetime(2013, 6, 3, 4, tzinfo=UTC), end=datetime(2013, 6, 4, 4, tzinfo=UTC))
ATTACK = "</script><script>alert(1)</script>"
SHIFT = Measurement(
    interval=NIGHT,
    version=3,
    about="feature",
    subject="temp",
    measure="shift",
    value=0.61234,
    expected=0.14,
    p_value=0.0004,
    rows=300,
    flagged=True,
)
QUIET = SHIFT.model_copy(update={"subject": "dest", "measure": "divergence", "value": 0.02, "flagged": False})
DECIDED = Decided(
    model="flight_delay",
    interval=NIGHT,
    version=3,
    verdict="severe",
    reason="a training run was fired",
    findings=(Finding(about="feature", subjects=("temp",), effect=0.6, severity="severe", message="temp shifted"),),
)
CLASSIFIER = ReportColumns(numbers=("temp",), categories=("dest",), is_classifier=True)
REGRESSOR = ReportColumns(numbers=("temp",), categories=("dest",), is_classifier=False)


def rows(count: int = 300, *, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    prediction = rng.uniform(size=count)
    return pd.DataFrame(
        {
            "temp": rng.normal(size=count),
            "dest": rng.choice(["ATL", "BOS", "Zürich ✈"], count).astype(object),
            "prediction": prediction,
            "label": (rng.uniform(size=count) < prediction).astype(float),
        }
    )


def page_of(
    current: pd.DataFrame,
    reference: pd.DataFrame | None = None,
    *,
    columns: ReportColumns = CLASSIFIER,
    decided: Decided = DECIDED,
    measurements: tuple[Measurement, ...] = (QUIET, SHIFT),
) -> str:
    reference = rows(seed=1) if reference is None else reference
    return report_html(reference, current, columns=columns, decided=decided, measurements=measurements)


def charts(page: str) -> str:
    """Evidently's page inside."""
    packed = re.search(r'id="packed">([^<]*)<', page)
    return gzip.decompress(base64.b64decode(packed[1])).decode() if packed else ""


def not_drawn(page: str) -> list[str]:
    found = re.search(r"<p>Not drawn:</p>\n<ul>\n(.*?)</ul>", page, re.DOTALL)
    return re.findall(r"<li>(.*)</li>", found[1]) if found else []


@pytest.fixture(scope="module")
def page() -> str:
    return page_of(rows())


def test_the_verdict_and_its_numbers_stand_above_the_charts(page: str) -> None:
    verdict, numbers, shown = (page.index(text) for text in ("Severe.", "The numbers", "as Evidently shows them"))

    assert verdict < numbers < shown
    for text in ("flight_delay: 2013-06-03", "Version 3", "a training run was fired", "severe: temp shifted"):
        assert text in page
    assert "own verdicts decide nothing" in page


def test_what_stands_out_comes_first_with_its_usual_value(page: str) -> None:
    cells = re.findall(r"<td[^>]*>(.*?)</td>", page, re.DOTALL)

    assert cells[:3] == ["feature", "temp", "shift"]
    assert cells[3] == "0.6123"
    assert cells[5:8] == ["0.14", "0.0004", "300"]
    assert cells[9] == "stands out"
    assert cells[11] == "dest"


def test_drift_quality_and_performance_are_drawn(page: str) -> None:
    inside = charts(page)

    assert not_drawn(page) == []
    for part in ("Drift", "Quality", "Performance"):
        assert f'"title": "{part}"' in inside


def test_the_page_loads_nothing_from_anywhere(page: str) -> None:
    tags = re.findall(r"<(?:script|link|img|iframe|style|source)\b[^>]*>", page)
    inside = charts(page)
    head = inside[: inside.index("</head>")]

    assert len(tags) == 4
    assert not [tag for tag in tags if re.search(r"\b(src|href)=", tag)]
    assert "default-src 'none'" in page
    assert not re.search(r'(src|href)="(?!data:)', head)
    assert inside.count("<script") == inside.count("<script>")
    assert 'sandbox="allow-scripts"' in page


def test_a_regressor_has_the_performance_of_a_regressor() -> None:
    page = page_of(rows().assign(label=lambda each: each["prediction"] * 2), columns=REGRESSOR)

    assert not_drawn(page) == []
    assert "Error Distribution" in charts(page)


def test_texts_from_the_data_can_end_neither_the_page_nor_a_script() -> None:
    current = rows()
    current.loc[:20, "dest"] = ATTACK
    noted = SHIFT.model_copy(update={"subject": ATTACK, "note": ATTACK})
    decided = Decided(**{name: getattr(DECIDED, name) for name in DECIDED.__slots__} | {"reason": ATTACK})

    page = page_of(current, measurements=(noted,), decided=decided)

    assert not_drawn(page) == []
    assert "alert(1)" in charts(page)
    for text in (page, charts(page)):
        assert ATTACK not in text
        assert "<script>alert" not in text


BAD: dict[str, tuple[pd.DataFrame, list[str]]] = {
    "a constant number": (rows().assign(temp=1.0), []),
    "a constant category": (rows().assign(dest="ATL"), []),
    "a number without values": (rows().assign(temp=np.nan), ["temp: without any value in the interval"]),
    "a category without values": (rows().assign(dest=None), ["dest: without any value in the interval"]),
    "a column that vanished": (rows().drop(columns="temp"), ["temp: without any value in the interval"]),
    "infinite numbers": (rows().assign(temp=lambda each: each["temp"].where(each["temp"] < 1, np.inf)), []),
    "missing values": (rows().assign(dest=lambda each: each["dest"].where(each.index % 3 > 0, None)), []),
    "a new category": (rows().assign(dest="a new one"), []),
    "as many categories as rows": (rows().assign(dest=[f"N{number}" for number in range(300)]), []),
    "no label": (
        rows().assign(label=np.nan),
        ["Performance: no label is known yet, or there are no predictions"],
    ),
    "labels of one class": (rows().assign(label=1.0), ["Performance: every known label of the interval is 1"]),
    "one label": (
        rows().assign(label=lambda each: each["label"].where(each.index == 0)),
        ["Performance: 1 rows of the interval have a label and a prediction"],
    ),
    "no prediction": (
        rows().assign(prediction=np.nan),
        [
            "prediction: without any value in the interval",
            "Performance: no label is known yet, or there are no predictions",
        ],
    ),
    "five rows": (rows(5), []),
}


@pytest.mark.parametrize(("current", "left_out"), BAD.values(), ids=BAD)
def test_whatever_the_rows_are_there_is_a_page_that_says_what_is_missing(
    current: pd.DataFrame, left_out: list[str]
) -> None:
    page = page_of(current)

    assert not_drawn(page) == left_out
    assert '"title": "Drift"' in charts(page)


@pytest.mark.parametrize("count", [0, 1])
def test_without_rows_the_numbers_are_the_report(count: int) -> None:
    page = page_of(rows(count))

    assert charts(page) == ""
    assert f"Drift: the interval has {count} rows" in not_drawn(page)
    assert "stands out" in page


def test_without_numbers_the_page_says_so() -> None:
    assert "Nothing could be measured." in page_of(rows(0), measurements=())


def test_thousands_of_numbers_are_cut_and_the_rest_is_counted() -> None:
    many = tuple(SHIFT.model_copy(update={"subject": f"column {number}"}) for number in range(1200))

    page = page_of(rows(0), measurements=many)

    assert page.count('<tr class="flagged">') == 1000
    assert "200 more are in the history" in page


def test_the_samples_are_not_changed() -> None:
    current, reference = rows(), rows(seed=1)
    before = current.copy(), reference.copy()

    page_of(current, reference)

    pd.testing.assert_frame_equal(current, before[0])
    pd.testing.assert_frame_equal(reference, before[1])
