"""How often monitoring alarms without drift, and how soon it sees drift that was put there, by replaying days.

`python -m tests.unit.monitoring.replays` prints the tables of docs/drift.md. Every replay is drawn from its own seed,
so a test that repeats the first made-up ones finds them again to the bit.
"""

import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from retrainer.monitoring.reference import Reference
from tests.unit.monitoring.flights_year import FlightsYear, flights_year, in_order, shuffled
from tests.unit.monitoring.flipped import accused_line, turned_lines
from tests.unit.monitoring.play import (
    DAYS_A_YEAR,
    REFERENCE_DAYS,
    Change,
    Replay,
    Tests,
    doubled,
    episodes,
    evidently_alarm,
    made_up_replay,
    nulled,
    psi_alarms,
    shifted,
)

FLIGHTS = range(100, 110)
"""Orders of the weeks. Those below 100 were used to build the decision, and are not shown."""

MADE_UP = range(10)
CAUGHT_IN = 2
"""So many replays of each kind are used for drift that was put there."""

STARTS = (100, 170, 240)
TURNED = ("departure_minute", "scheduled_minutes", "carrier_late_share", "weather__humid")
"""Features whose relation to the label is turned round."""

EVIDENTLY_DAYS = 3
"""Days a replay: the preset takes seconds for each."""


@dataclass(frozen=True)
class Quiet:
    """What a replay without drift gave: episodes, and days on which any column was marked by each."""

    days: int
    episodes: int
    flagged: int
    tests: int
    psi: int


def quiet(replay: Replay, reference: Reference) -> Quiet:
    """Watch days in which nothing has changed."""
    year = replay.year(reference)
    tests = Tests.of(replay)
    return Quiet(
        days=len(year),
        episodes=len(episodes(year, replay.drift)),
        flagged=sum(any(each.flagged for each in day) for day in year),
        tests=sum(bool(tests.alarms(replay.days(day))) for day in range(REFERENCE_DAYS, replay.length)),
        psi=sum(bool(psi_alarms(day)) for day in year),
    )


def quiet_lines(title: str, found: list[Quiet]) -> Iterator[str]:
    """The lines of the table of days without drift. An alarm is an episode, and of the others a marked day."""
    days = sum(each.days for each in found)
    tests, psi = sum(each.tests for each in found), sum(each.psi for each in found)
    alarms = {
        "Retrainer": (sum(each.flagged for each in found), sum(each.episodes for each in found)),
        "KS or chi-squared p < 0.05, any column": (tests, tests),
        "PSI > 0.2, any column": (psi, psi),
    }
    for name, (marked, alarmed) in alarms.items():
        yield f"| {title} | {name} | {marked / days:.0%} | {alarmed * DAYS_A_YEAR / days:.2f} |"


def changes(replay: Replay, *, categories: Iterable[tuple[str, object]]) -> Iterator[tuple[str, str, Change]]:
    """Drift to put there: a name, the column, the change."""
    numbers = [each.name for each in replay.watched if each.kind == "number" and each.about == "feature"]
    for name in numbers:
        values = np.concatenate([replay.days(day)[name] for day in range(REFERENCE_DAYS)])
        yield f"{name}: half a standard deviation more", name, shifted(name, 0.5 * float(np.nanstd(values)))
    for name, category in categories:
        yield f"{name}: {category} doubles", name, doubled(name, category)
    for each in replay.watched:
        if each.about == "feature":
            yield f"{each.name}: 10 % null", each.name, nulled(each.name, 0.1)


def caught_line(title: str, found: list[int | None]) -> str:
    """One line of the table of drift that was put there."""
    seen = sorted(each for each in found if each is not None)
    after = f"{median(seen):g}" if seen else "-"
    latest = f"{seen[-1]}" if seen else "-"
    return f"| {title} | {len(seen)} of {len(found)} | {after} | {latest} |"


def caught_lines(replays: list[tuple[Replay, Reference]], *, categories: list[tuple[str, object]]) -> Iterator[str]:
    """The table's lines: each change in each replay from each of STARTS on."""
    listed = [list(changes(replay, categories=categories)) for replay, _ in replays]
    for place, (title, column, _) in enumerate(listed[0]):
        found = [
            replay.caught(reference, column, listed[number][place][2], start=start)
            for number, (replay, reference) in enumerate(replays)
            for start in STARTS
        ]
        yield caught_line(title, found)


def evidently_line(title: str, replays: list[tuple[Replay, Reference]]) -> str:
    """What the default preset says of days without drift."""
    verdicts = []
    for replay, _ in replays:
        before = [replay.days(day) for day in range(REFERENCE_DAYS)]
        reference = {each.name: np.concatenate([day[each.name] for day in before]) for each in replay.watched}
        for day in np.linspace(REFERENCE_DAYS, replay.length - 1, EVIDENTLY_DAYS).astype(int):
            now = {each.name: replay.days(day)[each.name] for each in replay.watched}
            verdicts.append(evidently_alarm(reference, now, replay.watched))
    share = sum(verdict for verdict, _ in verdicts) / len(verdicts)
    columns = sum(drifted for _, drifted in verdicts) / len(verdicts)
    return f"| {title} | {len(verdicts)} | {share:.0%} | {columns:.0%} |"


def year_lines(replay: Replay, year: FlightsYear) -> Iterator[str]:
    """The real year: what was confirmed, from when to when."""
    reference = replay.reference()
    for first, last, columns in episodes(replay.year(reference), replay.drift):
        days = [year.intervals[REFERENCE_DAYS + day].start.date().isoformat() for day in (first, last)]
        yield f"| {days[0]} | {days[1]} | {', '.join(columns)} |"


def main() -> None:
    """Print every table."""
    with tempfile.TemporaryDirectory(prefix="retrainer-replays-") as home:
        year = flights_year(Path(home))
        flights = _with_references(shuffled(year, seed) for seed in FLIGHTS)
        made = _with_references(made_up_replay(seed) for seed in MADE_UP)
        _print("| from | to | columns confirmed |", 3, year_lines(in_order(year), year))
        _print("| days | alarm | days marked | alarms a year |", 4, _quiet_table(flights, made))
        categories = [("carrier", "UA"), ("carrier", "B6"), ("carrier", "AA"), ("origin", "LGA"), ("dest", "ATL")]
        lines = caught_lines(flights[:CAUGHT_IN], categories=categories)
        _print("| drift in the flights | caught | intervals | latest |", 4, lines)
        lines = caught_lines(made[:CAUGHT_IN], categories=[("category_0", "a"), ("category_1", "a")])
        _print("| drift in made-up days | caught | intervals | latest |", 4, lines)
        orders = [replay for replay, _ in flights]
        _print("| days | nights accused | alarms a year |", 3, [accused_line(orders)])
        lines = turned_lines(orders[:CAUGHT_IN], features=TURNED, starts=STARTS)
        _print("| relation turned round | area under the curve | seen | intervals | latest |", 5, lines)
        _print(
            "| days | days tried | dataset drift | columns said to have drifted |", 4, _evidently_table(flights, made)
        )


def _with_references(replays: Iterable[Replay]) -> list[tuple[Replay, Reference]]:
    return [(replay, replay.reference()) for replay in replays]


def _quiet_table(*kinds: list[tuple[Replay, Reference]]) -> Iterator[str]:
    for title, replays in zip(("flights", "made up"), kinds, strict=True):
        yield from quiet_lines(title, [quiet(*each) for each in replays])


def _evidently_table(*kinds: list[tuple[Replay, Reference]]) -> Iterator[str]:
    for title, replays in zip(("flights", "made up"), kinds, strict=True):
        yield evidently_line(title, replays[:CAUGHT_IN])


def _print(head: str, columns: int, lines: Iterable[str]) -> None:
    sys.stdout.write(f"{head}\n{'|---' * columns}|\n")
    for line in lines:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
