"""What a model's entries come to: the versions in production as a stack, what a rollback goes to, what is barred."""

from datetime import UTC, datetime, timedelta

import pytest

from retrainer.contracts import Action, Entry
from retrainer.deployment import Standing, standing, standings

START = datetime(2013, 6, 1, tzinfo=UTC)


def entries(*moves: tuple[Action, int]) -> list[Entry]:
    """One entry a move (action, version), a day apart; a version's as_of is the day of its number."""
    return [
        Entry(
            model="flight_delay",
            action=action,
            version=version,
            previous_version=None,
            champion_version=None,
            as_of=START + timedelta(days=version),
            identity=str(number),
            actor="a test",
            reason="",
            evidence={},
            sequence=number,
            created_at=START + timedelta(days=number),
        )
        for number, (action, version) in enumerate(moves, start=1)
    ]


def test_a_model_without_entries_has_no_champion() -> None:
    assert standing([]) == Standing()
    assert standing([]).champion is standing([]).previous is None


@pytest.mark.parametrize(
    ("moves", "stack", "previous", "barred"),
    [
        ([("promote", 1), ("reject", 2), ("promote", 3)], (1, 3), 1, set()),
        ([("promote", 1), ("promote", 3), ("rollback", 1)], (1,), None, {3}),
        ([("promote", 1), ("promote", 2), ("promote", 3), ("rollback", 2), ("rollback", 1)], (1,), None, {2, 3}),
        ([("promote", 1), ("promote", 3), ("rollback", 1), ("promote", 4)], (1, 4), 1, {3}),
        ([("promote", 1), ("promote", 3), ("rollback", 1), ("rollback", 3)], (1, 3), 1, set()),
        ([("promote", 1), ("reject", 2), ("promote", 3), ("rollback", 2)], (1, 2), 1, {3}),
        ([("promote", 1), ("promote", 2), ("promote", 3), ("archive", 2)], (1, 2, 3), 1, set()),
        ([("promote", 1), ("approve", 2), ("repair", 1)], (1,), None, set()),
    ],
)
def test_the_stack_follows_the_moves(
    moves: list[tuple[Action, int]], stack: tuple[int, ...], previous: int | None, barred: set[int]
) -> None:
    found = standing(entries(*moves))
    assert (found.stack, found.champion, found.previous, found.barred) == (stack, stack[-1], previous, barred)


def test_a_rollback_does_not_take_back_how_far_was_looked() -> None:
    found = standing(entries(("promote", 1), ("promote", 5), ("rollback", 1)))
    assert found.trained_until == START + timedelta(days=5)
    assert found.since == START + timedelta(days=3)


def test_a_version_put_in_production_by_number_counts_for_how_far_was_looked() -> None:
    found = standing(entries(("promote", 1), ("reject", 5), ("rollback", 5)))
    assert found.stack == (1, 5)
    assert found.trained_until == START + timedelta(days=5)


def test_a_version_is_in_the_stack_once() -> None:
    found = standing(entries(("promote", 1), ("rollback", 2), ("rollback", 3), ("promote", 2)))
    assert found.stack == (1, 3, 2)


def test_standings_begin_before_the_first_entry_and_end_with_the_last() -> None:
    moves = entries(("promote", 1), ("promote", 2), ("rollback", 1))
    assert [at.champion for at in standings(moves)] == [None, 1, 2, 1]
    assert list(standings(moves))[-1] == standing(moves)
