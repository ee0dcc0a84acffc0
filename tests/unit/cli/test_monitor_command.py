"""`retrainer monitor`: the last weeks of a model on a few lines, for people and for programs."""

import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from rich.text import Text

from retrainer.cli.sparkline import Point, sparkline
from retrainer.contracts import Interval, Measurement, Recorded
from retrainer.ledger import Episodes, History
from tests.unit.monitoring.played import MODEL, Played, finding

FIRST = datetime(2013, 3, 2, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Place:
    """What `retrainer` is told of the world."""

    environ: dict[str, str]


def measured(number: int, value: float | None, **changed: object) -> Measurement:
    start = FIRST + timedelta(days=number)
    said: dict[str, object] = {"version": 4, "about": "feature", "subject": "distance", "measure": "shift"}
    said |= {"interval": Interval(start=start, end=start + timedelta(days=1)), "expected": 0.21, "rows": 800}
    return Measurement(**said | {"value": value} | changed)


def performance(number: int, value: float | None, **changed: object) -> Measurement:
    said: dict[str, object] = {"about": "performance", "subject": "roc_auc", "measure": "roc_auc", "expected": None}
    return measured(number, value, **said | changed)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Seventy days of three columns, late labels and a slow server; an episode that fired, and one that is open."""
    home = tmp_path_factory.mktemp("monitored")
    url = f"sqlite:///{home / 'ledger.sqlite'}"
    days = [
        each
        for number in range(70)
        for each in (
            measured(number, number / 100, flagged=number >= 66),
            measured(number, 0.01, measure="missing", expected=0.02),
            measured(number, 0.3, measure="psi", expected=None),
            measured(number, 0.05, subject="carrier", measure="divergence", expected=0.08),
            measured(number, 0.1, about="prediction", subject="prediction"),
            performance(number, 0.7 if number < 66 else None, note="" if number < 66 else "labels of 12 %"),
            performance(number, 0.95 if number < 66 else 0.12, measure="coverage"),
            measured(number, 120.0, about="service", subject="p95_ms", measure="p95_ms", expected=500.0),
        )
    ]
    days.append(performance(65, 0.69, measure="window", expected=0.65, low=0.66, high=0.72, note="not under the floor"))
    History.open(url).record(MODEL, days, "monitor")
    played = Played()
    plan = played.monitor(1, finding("distance"))
    played.finish(plan, "reject", version=5)
    played.monitor(2, finding("distance"))
    played.monitor(3)
    played.monitor(8, finding("distance", severity="warn"))
    Episodes.open(url).append(played.events)
    return Place({"RETRAINER_HOME": str(home), "RETRAINER_LEDGER_URL": url})


def rows(out: str) -> dict[str, str]:
    """The line of each subject."""
    return {line.split()[1]: line for line in out.splitlines() if len(line.split()) > 2}


def test_each_column_and_metric_is_one_line(place, retrainer):
    said = retrainer(place, "monitor", MODEL)
    assert (said.status, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0] == "flight_delay: 2013-03-16 to 2013-05-11 05:00 UTC"
    assert lines[1].split() == ["about", "what", "measure", "course", "last", "usual", "flagged", "state"]
    assert [line.split()[:3] for line in lines[2:7]] == [
        ["feature", "carrier", "divergence"],
        ["feature", "distance", "shift"],
        ["prediction", "prediction", "shift"],
        ["performance", "roc_auc", "roc_auc"],
        ["service", "p95_ms", "p95_ms"],
    ]


def test_a_line_has_the_course_the_last_value_the_usual_one_and_what_is_confirmed(place, retrainer):
    line = rows(retrainer(place, "monitor", MODEL).out)["distance"]
    _, _, _, course, last, usual, *rest = line.split()
    assert (len(course), course[0], course[-1]) == (56, "▁", "█")
    assert (last, usual) == ("0.69", "0.21")
    assert rest == ["4", "of", "56", "confirmed", "in", "episode", "2"]


def test_where_labels_are_missing_the_performance_is_not_known_yet(place, retrainer):
    line = rows(retrainer(place, "monitor", MODEL).out)["roc_auc"]
    assert "▁····  0.7   0.65" in line
    assert line.endswith("not known yet: labels of 12 %; 12% of the labels are known")


def test_the_episodes_say_what_they_began_with_and_what_became_of_them(place, retrainer):
    lines = retrainer(place, "monitor", MODEL).out.splitlines()
    head = next(number for number, line in enumerate(lines) if line.startswith("episode"))
    assert " ".join(lines[head + 1].split()) == "2 model 2013-05-08 open warn distance moved told, nothing else"
    assert lines[head + 2].split()[:7] == ["1", "model", "2013-05-01", "2013-05-03", "severe", "distance", "moved"]
    assert lines[head + 2].endswith(
        "run monitor__1__2013-05-01T04:00:00Z fired, then v5 rejected (entry 1): not shown to be better, "
        "then held: v5, retrained because of this, was rejected; nothing new since"
    )


def test_of_one_column_every_measure_is_shown(place, retrainer):
    out = retrainer(place, "monitor", MODEL, "--column", "distance").out
    assert [line.split()[2] for line in out.splitlines() if line.startswith("feature")] == ["missing", "psi", "shift"]


def test_fewer_weeks_can_be_asked_for(place, retrainer):
    out = retrainer(place, "monitor", MODEL, "--weeks", "1").out
    assert len(rows(out)["distance"].split()[3]) == 7


def test_piped_there_are_no_colours_and_on_a_terminal_what_stands_out_is_red(place, retrainer):
    assert "\x1b" not in retrainer(place, "monitor", MODEL).out
    out = retrainer(place, "monitor", MODEL, FORCE_COLOR="1", TERM="xterm-256color", COLUMNS="200").out
    assert "\x1b[1;31m█" in out


def test_as_json_nothing_of_those_weeks_is_missing(place, retrainer):
    said = json.loads(retrainer(place, "monitor", MODEL, "--weeks", "1", "--json").out)
    assert said["model"] == MODEL
    assert len([Recorded.model_validate(each) for each in said["measurements"]]) == 7 * 8 + 1
    assert [event["event"] for event in said["events"]][:3] == ["opened", "fired", "rejected"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["flight_dealy"], "unknown model 'flight_dealy'; did you mean 'flight_delay'?"),
        ([MODEL, "--column", "distanse"], "unknown column or metric 'distanse'; did you mean 'distance'?"),
    ],
)
def test_a_slip_of_the_finger_is_told_with_the_nearest_name(place, retrainer, arguments, message):
    said = retrainer(place, "monitor", *arguments)
    assert (said.status, said.out) == (78, "")
    assert message in said.err


def test_a_model_that_was_never_monitored_is_told_where_that_happens(tmp_path, retrainer):
    empty = Place({"RETRAINER_HOME": str(tmp_path), "RETRAINER_LEDGER_URL": f"sqlite:///{tmp_path / 'ledger.sqlite'}"})
    said = retrainer(empty, "monitor", MODEL)
    assert said.status == 78
    assert "flight_delay has not been monitored yet" in said.err
    assert "Once flight_delay__monitor has run in Airflow" in said.err


@pytest.mark.parametrize(
    ("values", "width", "bars"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7], 60, "▁▂▃▄▅▆▇█"),
        ([5, 5, 5], 60, "▁▁▁"),
        ([None, 1, None], 60, "·▁·"),
        ([1, 2, 3, 4, None, None], 3, "▁█·"),
        ([], 60, ""),
    ],
)
def test_a_sparkline_has_a_bar_for_each_value_and_the_largest_of_those_that_share_one(values, width, bars):
    assert sparkline([Point(value) for value in values], width=width).plain == bars


def test_a_bar_is_red_where_any_of_its_intervals_stands_out():
    line = sparkline([Point(1), Point(2, flagged=True), Point(3), Point(4)], width=2)
    assert isinstance(line, Text)
    assert [(span.start, span.end, str(span.style)) for span in line.spans] == [(0, 1, "bold red")]


def test_the_command_imports_no_ml_library():
    program = "import json, sys; import retrainer.cli.monitor; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy = {"numpy", "scipy", "pandas", "sklearn", "mlflow", "evidently", "duckdb", "pyarrow", "alembic"}
    assert heavy.isdisjoint(json.loads(done.stdout))
