"""Model card and data sheet: every thing that a reader of them looks for, and none that a value could make of them."""

import pytest

from retrainer.contracts import CheckResult, Gate
from retrainer.documents import data_sheet, document_page, model_card
from tests.factories import make_config
from tests.unit.documents.facts import a_decision, a_table, a_validation, facts
from tests.unit.documents.pages import read

HOSTILE = "x | y `z` <script>alert(1)</script> [a](javascript:b) **c**"
OFF = {
    "min_gain_over_baseline": None,
    "min_value": None,
    "max_calibration_error": None,
    "max_latency_p95_ms": None,
    "max_size_mb": None,
    "input_schema": "any",
}


def card_text(*arguments, **changes):
    return read(document_page("Model card", model_card(facts(*arguments, **changes)))).text


def sheet_text(*arguments, **changes):
    return read(document_page("Data sheet", data_sheet(facts(*arguments, **changes)))).text


@pytest.mark.parametrize(
    "said",
    [
        "Model card: order_late@4",
        "Promote: better than champion v3: roc_auc 0.7100 against 0.7000",
        "Will this order be paid late?",
        "54,321 rows, 2026-01-02 00:00 UTC to 2026-01-07 00:00 UTC",
        "12,345 newer rows in 14 blocks, 2026-01-07 00:00 UTC to 2026-01-09 00:00 UTC",
        "file:///data/orders",
        "d9" * 32,
        "0.7100",
        "90% interval [0.6900, 0.7300]",
        "90% interval [+0.0020, +0.0180]",
        "p95 612.3 ms, above 500 ms",
        "not judged",
        "7 rows, 20 are needed",
        "9.9.9",
        "c0ffee",
        "10" * 32,
        "a1" * 32,
        'retrainer rollback order_late --reason "..."',
        "order_late__rollback",
        "retrainer rebuild order_late@4",
        "retrainer show order_late@4",
    ],
)
def test_the_card_says(said):
    assert said in card_text()


def test_the_card_links_version_run_and_report():
    page = read(document_page("Model card", model_card(facts())))

    assert [address for _, _, address in page.addresses] == [
        "http://mlflow.test/#/models/order_late/versions/4",
        "http://mlflow.test/#/experiments/1/runs/r1",
        "http://mlflow.test/#/experiments/1/runs/r1/artifacts/evaluation_report.html",
    ]


def test_what_the_declaration_states_is_on_the_card():
    card = {"purpose": "Reminders.", "limits": "Not for credit.", "ethics": "Regions differ.", "preprocessing": "None."}

    text = card_text(make_config(card=card))

    assert all(said in text for said in card.values())
    assert "Not stated" not in text.partition("Slices")[0]


def test_what_it_does_not_state_is_missing_with_the_key_to_fill_in():
    text = card_text()

    for key in ("card.limits", "card.ethics", "card.preprocessing"):
        assert f"Not stated. Fill in {key} in the model's YAML file." in text


def test_gates_that_are_turned_off_are_named_with_their_keys():
    text = card_text(make_config(gates=OFF))

    named = text[text.index("Turned off in the declaration") : text.index("Slices")]
    assert all(f"gates.{key}" in named for key in OFF)
    assert "gates.canonical" in named
    assert "gates.slices" in named


def test_a_version_that_was_not_judged_has_a_card_that_says_why():
    reason = "the holdout has one class only"
    decision = a_decision(
        promote=False, reason=reason, holdout=None, challenger_value=None, difference=None, low=None, high=None,
        slices=(), gates=(Gate(name="holdout", passed=False, message=reason),),
    )  # fmt: skip

    text = card_text(decision=decision)

    assert f"Reject: {reason}" in text
    assert f"None: {reason}." in text
    assert "Not judged: there were no rows that it could be judged on." in text


@pytest.mark.parametrize(
    "said",
    [
        "Data sheet: order_late@4",
        "Airflow connection orders_source",
        "96",
        "2026-01-02 00:00 UTC to 2026-01-09 00:00 UTC",
        "DOUBLE",
        "1.25%",
        "10 to 105",
        "2 different",
        "40 checks, 1 failed; quality 97.5%.",
        "3 rows have an amount above 1000",
        "Set aside, and not learned from: 2026-01-03T00:00:00Z.",
        "Expression: days_to_pay > 5",
        "Known at paid_at of the row",
        "within 1 day",
        "Inputs, known at prediction time: ordered_at, region, amount, express.",
        "Look-up rates: rate of the latest row of table rates with the same region, published 1 hour after its event",
        "not older than 6 hours",
        "Window region_late: mean of label by region over the 1 day before the row's interval",
        "no snapshot of it is pinned",
    ],
)
def test_the_sheet_says(said):
    assert said in sheet_text()


@pytest.mark.parametrize(
    ("failed", "verdict"), [(True, "failed, see below"), (False, "passed")], ids=["failed", "passed"]
)
def test_an_expectation_has_its_verdict(failed, verdict):
    amount = {
        "type": "expect_column_values_to_be_between",
        "kwargs": {"column": "amount", "min_value": 0},
        "severity": "warning",
    }
    config = make_config(source={"tables": {"orders": {"expectations": [amount]}}})
    validation = a_validation() if failed else a_validation(failed=())

    text = sheet_text(config, validation=validation)

    table = text[text.index("Expectations of orders") : text.index("Table rates")]
    assert 'expect_column_values_to_be_between{"column":"amount","min_value":0}warning' in "".join(table.split("\n"))
    assert verdict in table


def test_without_validation_and_snapshot_the_sheet_says_that_they_are_not_known():
    features = facts().features.model_copy(update={"snapshot": ()})

    text = sheet_text(validation=None, features=features, profiles={})

    assert "Not known: this run has no result of validate_data." in text
    assert text.count("no snapshot of it is pinned") == 2


def test_the_source_is_shown_without_user_host_and_folder():
    url = "postgresql+psycopg://someone@db.internal:5432/shop"

    text = sheet_text(make_config(source={"connection": None, "url": url}))

    assert "Source: postgresql database shop." in text
    assert "someone" not in text
    assert "db.internal" not in text


@pytest.mark.parametrize("write", [model_card, data_sheet], ids=["card", "sheet"])
def test_hostile_text_is_shown_and_never_obeyed(write):
    config = make_config(
        owner=HOSTILE,
        description=HOSTILE,
        card={"purpose": HOSTILE, "limits": HOSTILE, "ethics": HOSTILE, "preprocessing": f"# {HOSTILE}"},
        source={"label": {"expression": "region = '| `b` <script>alert(1)</script>'"}},
    )
    check = CheckResult(
        table="orders", batch=HOSTILE, expectation=HOSTILE, severity="warning", success=False, message=HOSTILE
    )
    known = facts(
        config,
        decision=a_decision(reason=HOSTILE, gates=(Gate(name=HOSTILE, passed=False, message=HOSTILE),)),
        validation=a_validation(failed=(check,), quarantined=(HOSTILE,)),
    )

    page = read(document_page(HOSTILE, write(known)))

    assert HOSTILE in page.text
    assert all(address.startswith("http://mlflow.test/") for _, _, address in page.addresses)


def test_a_table_keeps_its_columns_whatever_is_in_it():
    gate = Gate(name=HOSTILE, passed=False, message="a\n| b | c |\n")

    page = read(document_page("Card", model_card(facts(decision=a_decision(gates=(gate,))))))

    plain = read(document_page("Card", model_card(facts(decision=a_decision(gates=(a_decision().gates[0],))))))
    assert page.tags.count("td") == plain.tags.count("td")


@pytest.mark.parametrize("write", [model_card, data_sheet], ids=["card", "sheet"])
def test_the_same_version_gives_the_same_bytes(write):
    assert write(facts()) == write(facts())


def test_a_pinned_table_that_was_not_profiled_is_said_to_be_so():
    features = facts().features.model_copy(update={"snapshot": (a_table("orders"), a_table("rates"))})

    assert "Its rows were not looked at." in sheet_text(features=features)
