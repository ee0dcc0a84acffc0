"""How far a model server is with an entry, as its status says."""

from datetime import UTC, datetime

import pytest

from retrainer.contracts import Action, Entry, ModelStatus, Refusal, ServedVersion, Split
from retrainer.deployment import Progress, Standing, is_wanted, progress

AT = datetime(2026, 11, 21, 9, tzinfo=UTC)


def entry(action: Action, version: int = 4, *, champion: int | None = None, percent: int | None = None) -> Entry:
    """Number 7 of the ledger."""
    return Entry(
        model="flight_delay",
        action=action,
        version=version,
        previous_version=3,
        champion_version=champion or version,
        as_of=AT,
        identity="7",
        actor="a test",
        reason="",
        evidence={} if percent is None else {"percent": percent},
        sequence=7,
        created_at=AT,
    )


def served(version: int) -> ServedVersion:
    return ServedVersion(version=version, runtime="onnx", since=AT)


def status(sequence: int = 7, **changes: object) -> ModelStatus:
    return ModelStatus(model="flight_delay", sequence=sequence, ready=True, **changes)


REFUSED = (Refusal(version=4, sequence=7, reason="canonical input 'warm day' gives 0.9"),)


@pytest.mark.parametrize(
    ("about", "said", "state"),
    [
        (entry("promote"), None, "waiting"),
        (entry("promote"), status(6, champion=served(4)), "waiting"),
        (entry("promote"), status(champion=served(3)), "waiting"),
        (entry("promote"), status(9, champion=served(4)), "served"),
        (entry("rollback"), status(champion=served(4)), "served"),
        (entry("promote"), status(champion=served(3), refused=REFUSED), "refused"),
        (entry("promote"), status(champion=served(4), refused=REFUSED), "served"),
        (entry("promote"), status(off=True), "off"),
        (entry("promote"), status(off=True, refused=REFUSED), "refused"),
        (entry("switch_off"), status(off=True), "off"),
        (entry("switch_off"), status(champion=served(4)), "waiting"),
        (entry("switch_on"), status(champion=served(4)), "served"),
        (entry("split", percent=10, champion=3), status(split=Split(version=4, percent=10)), "waiting"),
        (
            entry("split", percent=10, champion=3),
            status(split=Split(version=4, percent=10), split_version=served(4)),
            "served",
        ),
        (
            entry("split", percent=10, champion=3),
            status(split=Split(version=4, percent=1), split_version=served(4)),
            "waiting",
        ),
        (entry("split", percent=10, champion=3), status(champion=served(3), refused=REFUSED), "refused"),
        (entry("split", percent=0, champion=3), status(champion=served(3)), "served"),
        (entry("shadow", champion=3), status(champion=served(3)), "waiting"),
        (entry("shadow", champion=3), status(champion=served(3), shadow=served(4)), "served"),
        (entry("shadow", champion=3), status(champion=served(3), refused=REFUSED), "refused"),
        (entry("reject", champion=3), status(champion=served(3)), "served"),
    ],
    ids=[
        "model unknown",
        "not there yet",
        "there, and says nothing",
        "a later entry, the same champion",
        "rollback",
        "refused",
        "refused once, served by now",
        "switched off",
        "switched off and refused",
        "switch off",
        "not off yet",
        "switch on",
        "share not loaded",
        "share",
        "smaller share",
        "share refused",
        "share ended",
        "not in the shadow yet",
        "shadow",
        "shadow refused",
        "nothing to carry out",
    ],
)
def test_how_far_it_is(about: Entry, said: ModelStatus | None, state: str) -> None:
    assert progress(about, said).state == state


def test_a_refusal_comes_with_the_servers_reason() -> None:
    assert progress(entry("promote"), status(refused=REFUSED)) == Progress("refused", reason=REFUSED[0].reason)


@pytest.mark.parametrize(
    ("about", "now", "wanted"),
    [
        (entry("promote"), Standing(9, (3, 4)), True),
        (entry("promote"), Standing(9, (3,)), False),
        (entry("split", percent=10), Standing(9, (3,), split=Split(version=4, percent=10)), True),
        (entry("split", percent=10), Standing(9, (3,), split=Split(version=4, percent=50)), False),
        (entry("split", percent=10), Standing(9, (3,)), False),
        (entry("shadow"), Standing(9, (3,), shadow=4), True),
        (entry("shadow"), Standing(9, (3,), shadow=5), False),
        (entry("switch_off"), Standing(9, (3,), off=True), True),
        (entry("switch_off"), Standing(9, (3,)), False),
        (entry("switch_on"), Standing(9, (3,)), True),
        (entry("reject"), Standing(9, (3,)), True),
    ],
)
def test_what_the_ledger_asks_for_may_have_changed_since(about: Entry, now: Standing, wanted: bool) -> None:
    assert is_wanted(about, now) is wanted
