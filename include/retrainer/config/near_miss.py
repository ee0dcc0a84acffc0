"""\"Did you mean\": the nearest valid name, and at most ten of them listed."""

import difflib
from collections.abc import Iterable

_LISTED = 10


def nearest(value: str, allowed: Iterable[str]) -> str | None:
    """The name of `allowed` most like `value`, or None where none is like it. Last parts of dotted paths count too."""
    names = list(allowed)
    same = [name for name in names if name.casefold() == value.casefold()]
    close = same or difflib.get_close_matches(value, names, n=1, cutoff=0.6)
    if close:
        return close[0]
    by_tail = {name.rpartition(".")[2]: name for name in names}
    tail = difflib.get_close_matches(value.rpartition(".")[2], by_tail, n=1, cutoff=0.6)
    return by_tail[tail[0]] if tail else None


def listed(allowed: Iterable[str], *, near: str | None = None) -> str:
    """At most ten names, the nearest first, and how many more there are."""
    names = sorted(allowed, key=lambda name: (name != near, name))
    first = ", ".join(names[:_LISTED])
    more = len(names) - _LISTED
    return f"{first} and {more} more" if more > 0 else first


def shown(value: object) -> str:
    """`value` for a message: at most 60 characters, and nothing of a URL that may hold a password."""
    text = repr(value)
    if "://" in text:
        return f"{text.partition('://')[0]}://...'"
    return text if len(text) <= 60 else f"{text[:57]}..."


def dotted(key: Iterable[str | int]) -> str:
    """A key as it is shown: `source.tables.flights.key.0`."""
    return ".".join(str(part) for part in key)


def unknown(value: str, allowed: Iterable[str], *, what: str) -> str | None:
    """Why `value` is not allowed: the nearest name, and what is allowed; None where it is."""
    names = list(allowed)
    if value in names:
        return None
    near = nearest(value, names)
    meant = f"; did you mean {near!r}?" if near else ""
    return f"unknown {what} {shown(value)}{meant} (allowed: {listed(names, near=near) or 'none'})"


def one_of(value: str, allowed: Iterable[str], *, what: str) -> str:
    """`value`, if it is allowed.

    Raises:
        ValueError: it is not; the message names the nearest and lists what is allowed.
    """
    message = unknown(value, allowed, what=what)
    if message:
        raise ValueError(message)
    return value
