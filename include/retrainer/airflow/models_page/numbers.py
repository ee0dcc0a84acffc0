"""Numbers and times as people read them."""

from datetime import UTC, datetime


def number(value: float | None) -> str:
    """Four digits, thousands apart; empty where there is no number."""
    if value is None:
        return ""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def signed(value: float) -> str:
    """A difference, with its sign and four decimals."""
    return f"{value:+.4f}"


def readable(moment: datetime) -> str:
    """A moment to the minute, in UTC."""
    utc = moment.astimezone(UTC)
    return f"{utc.day} {utc:%b %Y, %H:%M} UTC"


def iso(moment: datetime) -> str:
    """A moment to the second, in UTC, as ISO 8601."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
