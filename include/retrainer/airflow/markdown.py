"""Markdown of what a person is asked. In a task's process; not imported by a parse."""

from collections.abc import Iterable, Mapping


def table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table; what is in its cells cannot end them."""
    lines = (header, ("---",) * len(header), *rows)
    return "\n".join(f"| {' | '.join(map(cell, line))} |" for line in lines)


def cell(text: str) -> str:
    """On one line, and with nothing that ends a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def links(addresses: Mapping[str, str]) -> str:
    """A link for each text that has an address, in one line."""
    return " · ".join(f"[{text}]({address})" for text, address in addresses.items() if address)
