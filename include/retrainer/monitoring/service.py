"""What the model server did between two looks at its metrics, in the numbers that it has to hold to.

The server counts since it was started. A scrape keeps what one look saw; two of them make the interval between. Where
the server was started again in between, it counts from its last start, and what it did before is not known.

Answers, failures and latencies are those of the one model; processor time and memory are the whole server's.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from pydantic import Field, JsonValue

from retrainer.config.monitoring import ServiceAlarm
from retrainer.contracts import Interval
from retrainer.contracts.base import Contract, UtcDatetime
from retrainer.contracts.monitoring import Measurement

_REQUESTS = "retrainer_requests_total"
_FAILURES = "retrainer_failures_total"
_SECONDS = "retrainer_request_seconds"
_CPU = "process_cpu_seconds_total"
_MEMORY = "process_resident_memory_bytes"
_STARTED = "process_start_time_seconds"
_SAME_START_SECONDS = 2.0
"""The server computes its start from the machine's, which the kernel gives in whole seconds."""

_MEGABYTE = 2**20
_PERCENTILES = (("p50_ms", 0.50), ("p95_ms", 0.95), ("p99_ms", 0.99))

Counts = Mapping[str, float]


class Scrape(Contract):
    """What the server said of one model at one moment: counts since its start, by version (empty: the rule)."""

    at: UtcDatetime
    started_at: UtcDatetime | None = None
    answered: dict[str, float] = Field(default_factory=dict)
    """Requests."""
    failed: dict[str, float] = Field(default_factory=dict)
    """Requests that a version could not answer; where the rule did instead, they are among `answered` too."""
    up_to: tuple[tuple[float, float], ...] = ()
    """Upper ends of the latency histogram in seconds, rising, and how many answers took no longer than that."""
    timed: float = 0.0
    """Answers in the histogram, those beyond its last end included."""
    cpu_seconds: float | None = None
    memory_bytes: float | None = None


class Scrapes(Contract):
    """The look at the end of an interval, and the one before it; null where there was none."""

    now: Scrape
    before: Scrape | None = None


@dataclass(frozen=True, slots=True)
class Traffic:
    """What the server did in `seconds`. `since` says in words from when, where that is not the look before."""

    seconds: float
    answered: Counts
    failed: Counts
    up_to: tuple[tuple[float, float], ...]
    timed: float
    cpu_seconds: float | None
    memory_bytes: float | None
    since: str = ""

    @property
    def requests(self) -> float:
        """All of them: a failure that the rule answered is among the answers."""
        return max(sum(self.answered.values()), sum(self.failed.values()))


def read_metrics(text: str, model: str, *, at: datetime) -> Scrape:
    """What a page in Prometheus' text format says of a model at that moment (aware). A model that was never asked has
    no counts.

    Raises:
        ValueError: it is no such page, or not a model server's.
    """
    found: dict[str, dict[str, float]] = {name: {} for name in (_REQUESTS, _FAILURES, f"{_SECONDS}_bucket")}
    single: dict[str, float] = {}
    for sample in _samples(text):
        single[sample.name] = sample.value
        if sample.labels.get("model") != model:
            continue
        single[f"{sample.name} of the model"] = sample.value
        if sample.name in found:
            label = sample.labels.get("le" if sample.name.endswith("_bucket") else "version", "")
            found[sample.name][label] = found[sample.name].get(label, 0.0) + sample.value
    if _CPU not in single and not any(name.startswith("retrainer_") for name in single):
        raise ValueError("these are no metrics of a model server")
    started = single.get(_STARTED)
    ends = sorted((float(end), count) for end, count in found[f"{_SECONDS}_bucket"].items())
    return Scrape(
        at=at,
        started_at=datetime.fromtimestamp(started, UTC) if started is not None else None,
        answered=found[_REQUESTS],
        failed=found[_FAILURES],
        up_to=tuple((end, count) for end, count in ends if math.isfinite(end)),
        timed=single.get(f"{_SECONDS}_count of the model", 0.0),
        cpu_seconds=single.get(_CPU),
        memory_bytes=single.get(_MEMORY),
    )


def traffic(scrapes: Scrapes) -> Traffic:
    """What the server did between both looks; since its last start where it was started in between, or where there was
    no look before."""
    now, before = scrapes.now, scrapes.before
    since = ""
    if before is None:
        since = "since the server's start: there is no look before"
    elif _was_restarted(now, before):
        since = "since the server was started again: what it did before is not known"
    if before is None or since:
        before = Scrape(at=now.started_at or now.at)
    elapsed = (now.at - before.at).total_seconds()
    counted = dict(before.up_to)
    return Traffic(
        seconds=elapsed,
        answered=_less(now.answered, before.answered),
        failed=_less(now.failed, before.failed),
        up_to=tuple((end, count - counted.get(end, 0.0)) for end, count in now.up_to),
        timed=now.timed - before.timed,
        cpu_seconds=now.cpu_seconds - (before.cpu_seconds or 0.0) if now.cpu_seconds is not None else None,
        memory_bytes=now.memory_bytes,
        since=since,
    )


def measure_service(found: Traffic, *, interval: Interval, alarm: ServiceAlarm) -> tuple[Measurement, ...]:
    """Latencies, share of failed requests, rate, processor time and memory; flagged where a declared level is broken.

    `version` is that of the only version that answered, and null where there were several or none; of several each has
    its share of failures and its rate besides, which are not judged: a canary is watched by its release.
    """
    asked = (*found.answered.items(), *found.failed.items())
    versions = sorted({version for version, count in asked if version and count})
    only = int(versions[0]) if len(versions) == 1 else None
    judged = found.requests >= alarm.min_requests
    few = "" if judged else f"not judged: {found.requests:g} requests, {alarm.min_requests} are needed"
    note = "; ".join(part for part in (few, found.since) if part)
    share = sum(found.failed.values()) / found.requests if found.requests else None
    numbers: list[tuple[str, float | None, float | None]] = [
        *((name, percentile_ms(found, p), alarm.p95_ms if name == "p95_ms" else None) for name, p in _PERCENTILES),
        ("error_share", share, alarm.max_error_share),
        ("requests_per_second", found.requests / found.seconds if found.seconds > 0 else None, None),
        ("cpu_seconds", found.cpu_seconds, None),
        ("memory_mb", found.memory_bytes / _MEGABYTE if found.memory_bytes is not None else None, None),
    ]
    overall = [
        _measurement(interval, only, name).model_copy(
            update={
                "value": value,
                "expected": level,
                "rows": round(found.requests),
                "flagged": judged and value is not None and level is not None and value > level,
                "note": note if value is not None or note else "no requests in this interval",
            }
        )
        for name, value, level in numbers
    ]
    return (*overall, *(_of_versions(found, versions, interval) if len(versions) > 1 else ()))


def unreachable(interval: Interval, why: str, *, tries: int, alarm: ServiceAlarm) -> Measurement:
    """A server that did not answer: of the requests that are known of, the `tries` of whoever looked, all failed.

    One such interval is no alarm yet: what is confirmed in several is.
    """
    return _measurement(interval, None, "error_share").model_copy(
        update={"value": 1.0, "expected": alarm.max_error_share, "rows": tries, "flagged": True, "note": why}
    )


def not_scraped(interval: Interval, why: str) -> Measurement:
    """An interval that nobody looked at: no number, not flagged."""
    return _measurement(interval, None, "error_share").model_copy(update={"note": why})


def percentile_ms(found: Traffic, share: float) -> float | None:
    """The latency that this share of the answers did not exceed, in milliseconds; None without answers.

    Within a class of the histogram it is interpolated, as Prometheus does; beyond the last class it is the end of that.
    """
    if found.timed <= 0 or not found.up_to:
        return None
    wanted = share * found.timed
    lower, below = 0.0, 0.0
    for end, count in found.up_to:
        if count >= wanted:
            return 1000 * (lower + (end - lower) * (wanted - below) / (count - below))
        lower, below = end, count
    return 1000 * lower


def _of_versions(found: Traffic, versions: list[str], interval: Interval) -> Iterator[Measurement]:
    for version in versions:
        answered, failed = found.answered.get(version, 0.0), found.failed.get(version, 0.0)
        requests = answered + failed  # what this version failed was answered by another, or by the rule
        numbers = {"error_share": failed / requests, "requests_per_second": requests / max(found.seconds, 1e-9)}
        for name, value in numbers.items():
            update: dict[str, JsonValue] = {"value": value, "rows": round(requests), "note": found.since}
            yield _measurement(interval, int(version), name).model_copy(update=update)


def _measurement(interval: Interval, version: int | None, measure: str) -> Measurement:
    return Measurement(interval=interval, version=version, about="service", subject=measure, measure=measure)


def _samples(text: str) -> Iterator[Sample]:
    for family in text_string_to_metric_families(text):
        yield from family.samples


def _was_restarted(now: Scrape, before: Scrape) -> bool:
    """Another start, or a count that is lower than it was."""
    if now.started_at is not None and before.started_at is not None:
        moved = now.started_at - before.started_at
        if abs(moved.total_seconds()) > _SAME_START_SECONDS:
            return True
    counts = [(now.timed, before.timed), (now.cpu_seconds or 0.0, before.cpu_seconds or 0.0)]
    counts += [(now.answered.get(name, 0.0), count) for name, count in before.answered.items()]
    counts += [(now.failed.get(name, 0.0), count) for name, count in before.failed.items()]
    return any(count < earlier for count, earlier in counts)


def _less(now: Counts, before: Counts) -> dict[str, float]:
    return {name: count - before.get(name, 0.0) for name, count in now.items()}
