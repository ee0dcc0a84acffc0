"""Does a version hold to its service level? Pure: what a server has counted goes in, words come out."""

from retrainer.config.serving import ServiceLevel
from retrainer.contracts import ModelStatus, ServedVersion


def broken_level(level: ServiceLevel, served: ServedVersion, status: ModelStatus) -> str | None:
    """What is broken; None where nothing is, or too few requests came to judge by.

    An open breaker counts whatever the number of requests, since the rule answers then; not before the version was
    asked at all: it may have been open when the version was swapped in. It is the champion's breaker: it says nothing
    of a version on trial.
    """
    is_champion = status.champion is not None and status.champion.version == served.version
    if is_champion and status.breaker == "open" and served.requests:
        return f"the breaker opened: of {served.requests} requests {served.errors} failed, or too many took too long"
    if served.requests < level.min_requests:
        return None
    share = served.errors / served.requests
    if share > level.max_error_share:
        return (
            f"{served.errors} of {served.requests} requests failed ({share:.1%}), at most "
            f"{level.max_error_share:.1%} may"
        )
    if served.p95_ms is not None and served.p95_ms > level.p95_ms:
        return f"p95 of {served.p95_ms:.1f} ms over {served.requests} requests, at most {level.p95_ms:g} ms is allowed"
    return None


def in_numbers(level: ServiceLevel, served: ServedVersion) -> str:
    """What was counted, for whoever reads how a watch ended."""
    if served.requests < level.min_requests:
        return f"{served.requests} requests, fewer than the {level.min_requests} that are judged"
    p95 = f", p95 {served.p95_ms:.1f} ms" if served.p95_ms is not None else ""
    return f"{served.requests} requests, {served.errors} failed{p95}"
