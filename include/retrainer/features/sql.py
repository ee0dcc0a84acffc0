"""Pieces of DuckDB's SQL."""

from datetime import timedelta


def quoted(name: str) -> str:
    """`name` as an identifier."""
    return '"' + name.replace('"', '""') + '"'


def listed(names: tuple[str, ...], *, alias: str = "") -> str:
    """`names` as identifiers, each of the table `alias` where one is given."""
    return ", ".join(f"{alias}.{quoted(name)}" if alias else quoted(name) for name in names)


def length(of: timedelta) -> str:
    """A length of time, in whole seconds."""
    return f"INTERVAL '{int(of.total_seconds())} seconds'"
