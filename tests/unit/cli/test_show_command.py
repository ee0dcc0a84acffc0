"""`retrainer show`: one version, its state, who decided what about it, and where the evidence is."""

import json

import pytest


def facts(out: str) -> dict[str, str]:
    """What stands behind each name at the beginning of a line, up to the empty line before the entries."""
    lines = out.split("\n\n", maxsplit=1)[0].splitlines()[1:]
    named = [line.partition("  ") for line in lines if not line.startswith(" ")]
    return {name: text.strip() for name, _, text in named}


def test_without_a_version_it_is_the_champion_since_when_and_why(story, retrainer):
    said = retrainer(story.world, "show", "flight_delay")
    assert (said.status, said.err) == (0, "")
    rollback = story.world.ledger.entries("flight_delay")[6]
    when = f"{rollback.created_at:%Y-%m-%d %H:%M} UTC"
    assert said.out.splitlines()[0] == f"flight_delay v1: in production since {when}"
    known = facts(said.out)
    assert known["rolled back to"] == f"{when} by grace (entry 7): complaints from [31mthe gate"
    assert "by airflow run test (entry 1): better than the baseline rule" in known["decided"]
    assert known["trained as of"] == "2013-06-03 04:00 UTC"
    assert known["compared with"] == "the baseline rule on 420 rows in 7 blocks, 2013-05-27 to 2013-06-03"
    assert known["gates"].startswith("passed baseline: better than the baseline rule")
    assert known["previous"] == "none"
    assert "\x1b" not in said.out


def test_report_card_version_run_and_digest_are_named(story, retrainer):
    known = facts(retrainer(story.world, "show", "flight_delay").out)
    evidence = story.world.ledger.entries("flight_delay")[0].evidence
    assert known["report"] == evidence["report_url"]
    assert known["card"] == evidence["card_url"]
    assert known["version"].endswith("/models/flight_delay/versions/1")
    assert known["run"] == evidence["run_url"]
    assert known["digest"] == story.trained.artifact_digest


def test_on_a_terminal_an_address_that_takes_two_lines_can_be_clicked_on_all_the_same(story, retrainer):
    said = retrainer(story.world, "show", "flight_delay", FORCE_COLOR="1", TERM="xterm-256color", COLUMNS="80")
    evidence = story.world.ledger.entries("flight_delay")[0].evidence
    assert said.out.count(f";{evidence['card_url']}\x1b\\") >= 2


def test_a_version_that_was_rolled_away_from_says_by_whom_and_who_had_approved_it(story, retrainer):
    out = retrainer(story.world, "show", "flight_delay@2").out
    assert out.splitlines()[0] == "flight_delay v2: rolled away from, no run promotes it again"
    known = facts(out)
    assert known["promoted"].endswith("by airflow run night 2 (entry 3): better")
    assert known["rolled away from"].endswith("by grace (entry 7): complaints from [31mthe gate")
    assert known["approved"].endswith("by ada (entry 2): looked at the slices")


@pytest.mark.parametrize("name", ["flight_delay@3", "flight_delay@v3"])
def test_a_version_is_shown_with_its_entries_the_newest_first(story, retrainer, name):
    out = retrainer(story.world, "show", name).out
    assert out.splitlines()[0] == "flight_delay v3: never in production; archived, its files are deleted"
    entries = out.split("\n\n")[1].splitlines()[1:]
    assert [line.split()[0] for line in entries] == ["8", "4"]


def test_as_json_it_is_one_object_with_the_decision_and_every_entry(story, retrainer):
    said = retrainer(story.world, "show", "flight_delay@2", "--json")
    record = json.loads(said.out)
    assert (said.status, said.err) == (0, "")
    assert (record["model"], record["version"], record["barred"], record["archived"]) == (
        *("flight_delay", 2, True, False),
    )
    assert (record["placed"]["sequence"], record["removed"]["sequence"], record["approved"]["actor"]) == (3, 7, "ada")
    assert record["decision"]["promote"] is True
    assert set(record["links"]) == {"version_url", "run_url"}
    assert [entry["sequence"] for entry in record["entries"]] == [2, 3, 5]


def test_the_champion_as_json_says_since_when_and_where_its_report_and_card_are(story, retrainer):
    record = json.loads(retrainer(story.world, "show", "flight_delay", "--json").out)
    entries = story.world.ledger.entries("flight_delay")
    assert (record["version"], record["since"]) == (1, entries[6].created_at.isoformat())
    assert record["links"]["report_url"] == entries[0].evidence["report_url"]
    assert record["links"]["card_url"] == entries[0].evidence["card_url"]


def test_where_nothing_is_in_production_it_says_so(story, retrainer):
    rejected = story.another_model("only_rejected")
    rejected.deploy(rejected.register(promote=False))
    said = retrainer(story.world, "show", "only_rejected")
    assert (said.status, said.out) == (78, "")
    assert said.err == (
        "Error: only_rejected has no version in production\n\nHint: What was decided: retrainer history only_rejected\n"
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("flight_delay@9", "unknown version of flight_delay '9' (allowed: 1, 2, 3, 4)"),
        ("flight_delay@best", "a version is a number such as 7 or v7, got 'best'"),
        ("flight_delay@0", "a version is a number such as 7 or v7, got '0'"),
        ("flight_delay@", "a version is a number such as 7 or v7, got ''"),
    ],
)
def test_what_names_no_version_of_the_ledger_is_refused(story, retrainer, name, message):
    said = retrainer(story.world, "show", name)
    assert (said.status, said.out, said.err) == (78, "", f"Error: {message}\n")
