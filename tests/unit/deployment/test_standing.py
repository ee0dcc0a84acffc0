"""What a model's entries come to: the versions in production as a stack, what a rollback goes to, what is barred."""

from datetime import UTC, datetime, timedelta

import pytest

from retrainer.contracts import Action, Entry, Split
from retrainer.deployment import Standing, standing, standings

START = datetime(2013, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def entries(*moves: tuple[Action, int] | tuple[Action, int, int]) -> list[Entry]:
    """One entry a move (action, version, share of a split), a day apart; a version's as_of is the day of its number."""
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
            evidence={"percent": percent[0]} if percent else {},
            sequence=number,
            created_at=START + timedelta(days=number),
        )
        for number, (action, version, *percent) in enumerate(moves, start=1)
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


@pytest.mark.parametrize(
    ("moves", "split"),
    [
        ([("split", 2, 10)], Split(version=2, percent=10)),
        ([("split", 2, 10), ("split", 2, 50)], Split(version=2, percent=50)),
        ([("split", 2, 10), ("split", 2, 0)], None),
        ([("split", 2, 10), ("split", 3, 0)], Split(version=2, percent=10)),
        ([("split", 2, 10), ("split", 3, 1)], Split(version=3, percent=1)),
        ([("split", 2, 10), ("reject", 2)], None),
        ([("split", 2, 10), ("reject", 3)], Split(version=2, percent=10)),
        ([("split", 2, 10), ("promote", 2)], None),
        ([("split", 2, 10), ("promote", 3)], None),
        ([("split", 2, 10), ("rollback", 1)], None),
        ([("split", 2, 10), ("switch_off", 1), ("switch_on", 1)], Split(version=2, percent=10)),
        ([("split", 2, 10), ("approve", 3), ("repair", 1), ("archive", 7)], Split(version=2, percent=10)),
        ([("split", 2)], None),
        ([("split", 2, 100)], None),
    ],
)
def test_a_share_of_the_traffic_stays_until_it_is_decided_about(
    moves: list[tuple[Action, int]], split: Split | None
) -> None:
    found = standing(entries(("promote", 1), *moves))
    assert found.split == split
    assert found.on_trial == ({split.version} if split else set())


@pytest.mark.parametrize(
    ("moves", "shadow"),
    [
        ([("shadow", 2)], 2),
        ([("shadow", 2), ("shadow", 3)], 3),
        ([("shadow", 2), ("reject", 2)], None),
        ([("shadow", 2), ("reject", 3)], 2),
        ([("shadow", 2), ("promote", 2)], None),
        ([("shadow", 2), ("promote", 3)], None),
        ([("shadow", 2), ("rollback", 1)], None),
        ([("shadow", 2), ("split", 3, 10), ("split", 3, 0), ("switch_off", 1)], 2),
    ],
)
def test_a_version_stays_in_the_shadow_until_it_is_decided_about(
    moves: list[tuple[Action, int]], shadow: int | None
) -> None:
    found = standing(entries(("promote", 1), *moves))
    assert found.shadow == shadow
    assert found.on_trial == ({shadow} if shadow else set())


def test_a_version_on_trial_is_not_in_production() -> None:
    found = standing(entries(("promote", 1), ("split", 2, 50), ("shadow", 3)))
    assert (found.stack, found.previous, found.barred, found.trained_until) == ((1,), None, set(), START + DAY)


@pytest.mark.parametrize(
    ("moves", "off"),
    [
        ([("switch_off", 1)], True),
        ([("switch_off", 1), ("switch_on", 1)], False),
        ([("switch_off", 1), ("promote", 2)], True),
        ([("switch_off", 1), ("promote", 2), ("rollback", 1)], True),
        ([("switch_off", 1), ("reject", 2), ("split", 2, 10), ("shadow", 3), ("repair", 1)], True),
        ([("switch_on", 1)], False),
    ],
)
def test_only_a_person_switches_a_model_on_again(moves: list[tuple[Action, int]], off: bool) -> None:
    found = standing(entries(("promote", 1), *moves))
    assert found.off is off
    assert found.champion is not None
