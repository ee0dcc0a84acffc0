"""Service levels from the server's own metrics: percentiles, failures, restarts, and what is judged."""

from datetime import UTC, datetime, timedelta

import pytest

from retrainer.config.monitoring import ServiceAlarm
from retrainer.contracts import Interval
from retrainer.contracts.monitoring import Measurement
from retrainer.monitoring.service import (
    Scrape,
    Scrapes,
    Traffic,
    measure_service,
    percentile_ms,
    read_metrics,
    traffic,
    unreachable,
)
from retrainer.serving.metrics import Metrics
from tests.unit.monitoring.past import day

START = datetime(2026, 7, 1, tzinfo=UTC)
INTERVAL: Interval = day(0)


def scrape(metrics: Metrics, hours: float = 0, **changes: object) -> Scrape:
    found = read_metrics(metrics.render().decode(), "flights", at=START + timedelta(hours=hours))
    return found.model_copy(update={"started_at": START - timedelta(hours=1)} | changes)


def answer(metrics: Metrics, times: int, *, seconds: float = 0.02, version: int | None = 3) -> None:
    for _ in range(times):
        metrics.answered("flights", version, "model" if version else "fallback", seconds=seconds, records=1)


def measured(scrapes: Scrapes, **alarm: object) -> dict[str, Measurement]:
    found = measure_service(traffic(scrapes), interval=INTERVAL, alarm=ServiceAlarm.model_validate(alarm))
    return {each.measure: each for each in found if each.version in (None, 3)}


def test_what_the_server_shows_is_read_for_one_model():
    metrics = Metrics()
    answer(metrics, 5)
    metrics.answered("others", 1, "model", seconds=9, records=1)
    metrics.failed("flights", 3)
    found = read_metrics(metrics.render().decode(), "flights", at=START)
    assert (found.answered, found.failed, found.timed) == ({"3": 5}, {"3": 1}, 5)
    assert dict(found.up_to)[0.025] == 5
    assert dict(found.up_to)[0.01] == 0
    assert found.cpu_seconds > 0
    assert found.memory_bytes > 2**20
    assert abs(found.started_at - datetime.now(UTC)) < timedelta(hours=12)


@pytest.mark.parametrize("page", ["", "<html>hello</html>", "python_info 1.0\n", "retrainer_requests_total{model= 1\n"])
def test_a_page_that_is_no_model_servers_is_refused(page):
    with pytest.raises(ValueError, match=r".+"):
        read_metrics(page, "flights", at=START)


def test_an_interval_is_the_difference_of_two_looks():
    metrics = Metrics()
    answer(metrics, 1000, seconds=4)
    before = scrape(metrics)
    answer(metrics, 7200)
    found = measured(Scrapes(now=scrape(metrics, hours=2), before=before))
    assert found["requests_per_second"].value == 1
    assert found["error_share"].value == 0
    # all answers took 10 to 25 ms: the median is in the middle of that class
    assert found["p50_ms"].value == pytest.approx(17.5)
    assert found["p95_ms"].value == pytest.approx(24.25)
    assert found["p99_ms"].value == pytest.approx(24.85)
    assert {each.rows for each in found.values()} == {7200}
    assert not any(each.flagged or each.note for each in found.values())
    assert found["memory_mb"].value > 1
    assert found["cpu_seconds"].value >= 0


def test_a_slow_server_is_flagged():
    metrics = Metrics()
    answer(metrics, 90)
    answer(metrics, 10, seconds=2)
    found = measured(Scrapes(now=scrape(metrics, hours=1)))
    assert (found["p95_ms"].flagged, found["p95_ms"].expected) == (True, 500)
    assert found["p95_ms"].value == pytest.approx(1750)
    assert [name for name, each in found.items() if each.flagged] == ["p95_ms"]


def test_failures_that_the_rule_answered_are_flagged_and_counted_once():
    metrics = Metrics()
    answer(metrics, 98)
    answer(metrics, 2, version=None)
    for _ in range(2):
        metrics.failed("flights", 3)
    found = measured(Scrapes(now=scrape(metrics, hours=1)))
    assert (found["error_share"].value, found["error_share"].expected) == (0.02, 0.01)
    assert (found["error_share"].flagged, found["error_share"].rows) == (True, 100)


def test_with_too_few_requests_nothing_is_judged():
    metrics = Metrics()
    answer(metrics, 19, seconds=3)
    before = scrape(Metrics())
    found = measured(Scrapes(now=scrape(metrics, hours=1), before=before))
    assert found["p95_ms"].value > 500
    assert (found["p95_ms"].flagged, found["p95_ms"].note) == (False, "not judged: 19 requests, 20 are needed")
    assert measured(Scrapes(now=scrape(metrics, hours=1), before=before), min_requests=19)["p95_ms"].flagged


def test_without_requests_there_is_no_latency_and_no_share():
    found = measured(Scrapes(now=scrape(Metrics(), hours=1), before=scrape(Metrics())))
    assert (found["p95_ms"].value, found["error_share"].value) == (None, None)
    assert found["requests_per_second"].value == 0
    assert not any(each.flagged for each in found.values())


@pytest.mark.parametrize("sign", ["another start", "lower counts"])
def test_a_server_that_was_started_again_counts_from_its_start(sign):
    old, new = Metrics(), Metrics()
    answer(old, 1000)
    answer(new, 60, seconds=0.2)
    started = START + timedelta(hours=1) if sign == "another start" else START - timedelta(hours=1)
    found = measured(Scrapes(now=scrape(new, hours=2, started_at=started), before=scrape(old)))
    assert found["p50_ms"].rows == 60
    assert found["p50_ms"].value == pytest.approx(175)
    assert found["p50_ms"].note == "since the server was started again: what it did before is not known"


def test_the_first_look_is_since_the_servers_start():
    metrics = Metrics()
    answer(metrics, 3600)
    found = measured(Scrapes(now=scrape(metrics)))
    assert found["requests_per_second"].value == 1  # it was started an hour before
    assert found["requests_per_second"].note == "since the server's start: there is no look before"


def test_versions_that_share_the_traffic_have_their_own_shares_too():
    metrics = Metrics()
    answer(metrics, 90, version=3)
    answer(metrics, 6, version=4)
    for _ in range(4):
        metrics.failed("flights", 4)
        answer(metrics, 1, version=3)
    found = measure_service(traffic(Scrapes(now=scrape(metrics))), interval=INTERVAL, alarm=ServiceAlarm())
    shares = {each.version: each.value for each in found if each.measure == "error_share"}
    assert shares == {None: 0.04, 3: 0, 4: 0.4}
    assert {each.version for each in found if each.flagged} == {None}


def test_a_version_that_answered_alone_is_named():
    metrics = Metrics()
    answer(metrics, 30)
    answer(metrics, 5, version=None)
    found = measure_service(traffic(Scrapes(now=scrape(metrics))), interval=INTERVAL, alarm=ServiceAlarm())
    assert {each.version for each in found} == {3}
    assert len(found) == 7


def test_of_a_server_that_did_not_answer_all_requests_failed():
    why = "the model server at http://127.0.0.1:9 does not answer: refused"
    found = unreachable(INTERVAL, why, tries=3, alarm=ServiceAlarm())
    assert (found.measure, found.value, found.expected, found.rows) == ("error_share", 1.0, 0.01, 3)
    assert (found.flagged, found.note) == (True, why)


@pytest.mark.parametrize(
    ("share", "milliseconds"), [(0.25, 50), (0.5, 100), (0.7, 550), (0.9, 1000), (0.95, 1000), (1.0, 1000)]
)
def test_percentiles_are_interpolated_within_a_class_of_the_histogram(share, milliseconds):
    """Of 100 answers 50 took up to 0.1 s, 40 up to 1 s, and 10 longer than any class."""
    found = Traffic(1, {}, {}, ((0.1, 50.0), (1.0, 90.0)), 100, None, None)
    assert percentile_ms(found, share) == pytest.approx(milliseconds)
