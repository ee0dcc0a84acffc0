"""From the ledger's entries to what a server is to serve, and what of that can be carried out."""

from datetime import UTC, datetime, timedelta

import pytest

from retrainer.contracts import Assignment, Entry, Split
from retrainer.deployment import recorded_digest, standings
from retrainer.serving.carried_out import carried_out
from retrainer.serving.supply.assignment import assignment_of
from retrainer.serving.supply.messages import Supplied, wanted_versions

FIRST = datetime(2013, 6, 3, 4, tzinfo=UTC)


def entries(*steps):
    """Entries of (action, version, evidence)."""
    written = []
    for place, (action, version, evidence) in enumerate(steps, start=1):
        *_, now = standings(written)
        then = now.then(action, version, as_of=FIRST, percent=evidence.get("percent", 0))
        written.append(
            Entry(
                model="taxi",
                action=action,
                version=version,
                previous_version=then.previous,
                champion_version=then.champion,
                as_of=FIRST,
                identity=f"{place}",
                actor="a test",
                reason=f"{action} v{version}",
                evidence=evidence,
                sequence=place,
                created_at=FIRST + timedelta(hours=place),
            )
        )
    return written


def test_the_champion_comes_with_why_and_since_when_it_is_in_production():
    found = assignment_of(
        "taxi",
        entries(
            ("promote", 1, {"report_url": "report/1"}),
            ("promote", 2, {"report_url": "report/2"}),
            ("reject", 3, {"report_url": "report/3"}),
        ),
    )
    assert found == Assignment(
        model="taxi",
        sequence=3,
        champion=2,
        since=FIRST + timedelta(hours=2),
        reason="promote v2",
        report_url="report/2",
    )


def test_after_a_rollback_the_reason_is_the_rollback_s_and_the_report_the_version_s():
    found = assignment_of(
        "taxi",
        entries(("promote", 1, {"report_url": "report/1"}), ("promote", 2, {}), ("rollback", 1, {})),
    )
    assert (found.champion, found.reason, found.report_url) == (1, "rollback v1", "report/1")


def test_a_split_a_shadow_and_the_switch_are_part_of_it():
    found = assignment_of(
        "taxi",
        entries(("promote", 1, {}), ("split", 2, {"percent": 10}), ("shadow", 3, {}), ("switch_off", 1, {})),
    )
    assert (found.split, found.shadow, found.off) == (Split(version=2, percent=10), 3, True)
    assert wanted_versions(found) == [1, 2, 3]
    assert assignment_of("taxi", []) == Assignment(model="taxi", sequence=0)


def test_the_digest_is_that_of_an_entry_that_knows_one():
    known = entries(
        ("promote", 1, {"artifact_digest": "a"}), ("rollback", 1, {}), ("reject", 2, {"artifact_digest": ""})
    )
    assert recorded_digest(known, 1) == "a"
    assert recorded_digest(known, 2) is None


def test_what_is_said_reads_back():
    supplied = Supplied(assignment=Assignment(model="taxi", sequence=3, champion=2), folders={2: "v2-abc"}, rule=2)
    assert Supplied.from_json(supplied.to_json()) == supplied


NOW = Assignment(model="taxi", sequence=4, champion=1, reason="good", report_url="r1", since=FIRST)


@pytest.mark.parametrize(
    ("wish", "loaded", "refused", "expected"),
    [
        ({"champion": 2}, {1, 2}, (), {"champion": 2}),
        ({"champion": 2}, {1}, {2}, {"champion": 1, "reason": "good", "report_url": "r1", "since": FIRST}),
        ({"champion": 2}, (), {2}, {}),
        ({"champion": 2, "off": True}, {1}, (), {"champion": 2, "off": True}),
        ({"champion": 2, "off": True}, (), {2}, {"off": True}),
        (
            {"champion": 2, "split": {"version": 3, "percent": 10}, "shadow": 4},
            {2, 4},
            {3},
            {"champion": 2, "shadow": 4},
        ),
        ({}, {1}, (), {}),
    ],
    ids=["new", "refused", "refused and none", "off", "off and refused", "split refused", "no champion"],
)
def test_what_is_carried_out_names_no_version_that_is_not_there(wish, loaded, refused, expected):
    asked = Assignment.model_validate({"model": "taxi", "sequence": 5, **wish})
    found = carried_out(asked, NOW, loaded=loaded, refused=refused)
    assert found == Assignment.model_validate({"model": "taxi", "sequence": 5, **expected})
