"""alert: what is in the outbox reaches Slack once, by this run or by a later one, and never fails a run."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from sqlalchemy import create_engine, text

from retrainer.airflow.operators.alert import AlertOperator
from retrainer.contracts import NewAlert
from retrainer.ledger import Outbox, outbox
from tests.dags.conftest import PROJECT, build_context
from tests.dags.webhook import CONNECTION, Webhook, connect, hanging_webhook
from tests.ports import free_ports

pytestmark = pytest.mark.usefixtures("no_kept_connections")

RUN = "scheduled__2013-06-04T04:00:00+00:00"
PAGE = "http://localhost:8080/dags/one__monitor/runs/scheduled__2013-06-04T04%3A00%3A00%2B00%3A00"


@pytest.fixture(autouse=True)
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The ledger's; whoever took alerts out may do so again at once."""
    address = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    monkeypatch.setenv("RETRAINER_LEDGER_URL", address)
    monkeypatch.setattr(outbox, "_CLAIM", timedelta())
    return address


def put(url: str, *texts: str, model: str = "one") -> None:
    alerts = [NewAlert(model=model, identity=each, text=each, run_id=RUN) for each in texts]
    assert Outbox.open(url).put(alerts) == len(texts)


def unsent(url: str) -> list[str]:
    return [alert.text for alert in Outbox.open(url).unsent(100)]


def send() -> int:
    operator = AlertOperator(slack_connection_id=CONNECTION, project_root=PROJECT)
    return operator.execute(build_context())


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.name.startswith("retrainer.airflow")]


def test_an_alert_is_sent_with_the_page_of_the_run_that_raised_it(url: str, webhook: Webhook) -> None:
    put(url, ":warning: *one*: temp has drifted")

    assert send() == 1

    assert webhook.messages == [f":warning: *one*: temp has drifted\n<{PAGE}|Monitoring run>"]


def test_each_models_alerts_lead_to_its_own_run(url: str, webhook: Webhook) -> None:
    put(url, "a")
    put(url, "b", model="two")

    assert send() == 2

    assert webhook.messages[0].splitlines()[1] == f"<{PAGE}|Monitoring run>"
    assert webhook.messages[1].splitlines()[1] == f"<{PAGE.replace('one__', 'two__')}|Monitoring run>"


def test_alerts_are_sent_once_and_in_their_order(url: str, webhook: Webhook) -> None:
    put(url, "first", "second")

    assert (send(), send()) == (2, 0)

    assert [message.splitlines()[0] for message in webhook.messages] == ["first", "second"]


def test_with_nothing_to_tell_nobody_looks_for_slack(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")

    assert send() == 0

    assert said(caplog) == []


def test_a_slack_that_is_down_fails_nothing_and_the_next_run_sends(
    url: str, webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    put(url, "first", "second")
    webhook.status = 500

    assert send() == 0

    assert said(caplog) == [
        "Slack did not take the alert: AirflowException",
        "2 of 2 alerts are kept for the next run, up to 7 days",
    ]
    webhook.status, webhook.messages = 200, []
    assert send() == 2
    assert len(webhook.messages) == 2


def test_a_slack_that_does_not_listen_fails_nothing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, free_ports(1)[0])
    put(url, "first")

    assert send() == 0

    assert unsent(url) == ["first"]


def test_a_slack_that_hangs_costs_less_than_two_seconds_however_many_there_are(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(url, "warm up")
    send()  # the Slack SDK is imported once
    put(url, *(f"alert {number}" for number in range(20)))
    with hanging_webhook() as port:
        connect(monkeypatch, port)
        started = time.monotonic()

        assert send() == 0

        assert time.monotonic() - started < 2
    assert len(unsent(url)) == 21


def test_an_alert_that_slack_refuses_keeps_no_other_back(url: str, webhook: Webhook) -> None:
    put(url, "first", "unfit", "third")
    webhook.refused = {"unfit"}

    assert send() == 2

    assert unsent(url) == ["unfit"]


def test_without_the_connection_one_line_says_so_and_the_alerts_are_kept(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    put(url, "first")

    assert send() == 0

    assert said(caplog) == [
        "no alert was sent: there is no Airflow connection 'alerts' for Slack",
        "1 of 1 alerts are kept for the next run, up to 7 days",
    ]
    assert unsent(url) == ["first"]


def test_what_nobody_takes_for_a_week_does_not_pile_up(
    url: str, webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    put(url, "old", "new")
    with create_engine(url).begin() as connection:
        changed = connection.execute(
            text("UPDATE alerts SET created_at = :then WHERE text = 'old'"),
            {"then": (datetime.now(UTC) - timedelta(days=8)).strftime("%Y-%m-%d %H:%M:%S.%f")},
        )
        assert changed.rowcount == 1

    assert send() == 1

    assert [message.splitlines()[0] for message in webhook.messages] == ["new"]
    assert "1 alerts that Slack has not taken in 7 days are given up" in said(caplog)
    assert unsent(url) == []


def test_a_ledger_that_is_away_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETRAINER_LEDGER_URL", f"postgresql+psycopg://127.0.0.1:{free_ports(1)[0]}/ledger")

    with pytest.raises(AirflowException) as raised:
        send()

    assert not isinstance(raised.value, AirflowFailException)
