"""FailureAlert, against a webhook server of our own."""

import time

import pendulum
import pytest

from retrainer.airflow.notifiers.failure import FailureAlert
from tests.dags.conftest import EXAMPLE, build_context
from tests.dags.webhook import CONNECTION, Webhook, connect, hanging_webhook
from tests.ports import free_ports

pytestmark = pytest.mark.usefixtures("no_kept_connections")


def fail(error: BaseException | None, **run: object) -> float:
    """Alert of a failed task; seconds that this took."""
    interval = (pendulum.datetime(2013, 5, 26, 4), pendulum.datetime(2013, 5, 27, 4))
    context = build_context(**{"interval": interval} | run)
    ti = context["ti"]
    ti.dag_id, ti.task_id, ti.try_number, ti.log_url = "flight_delay__train", "validate_data", 3, "http://airflow/log"
    context["exception"] = error
    started = time.monotonic()
    FailureAlert(CONNECTION, declaration=EXAMPLE)(context)
    return time.monotonic() - started


def test_the_alert_says_what_failed_on_which_interval_why_and_where_the_log_is(webhook: Webhook) -> None:
    fail(ValueError("column 'dest' is missing\n\nHint: ask upstream"))

    (message,) = webhook.messages
    assert message.splitlines() == [
        ":red_circle: *flight_delay__train* failed in *validate_data*",
        "Interval: 2013-05-26T04:00:00+00:00 to 2013-05-27T04:00:00+00:00",
        "Run: a_run, try 3",
        "Error: column 'dest' is missing",
        "<http://airflow/log|Log>",
    ]


def test_a_run_without_a_data_interval_is_reported_with_the_one_it_is_about(webhook: Webhook) -> None:
    fail(ValueError("x"), interval=None, params={"as_of": "2013-05-27T00:00:00-04:00"})

    assert "Interval: 2013-05-26T04:00:00+00:00 to 2013-05-27T04:00:00+00:00" in webhook.messages[0]


def test_a_task_that_was_killed_has_no_error_and_still_an_alert(webhook: Webhook) -> None:
    fail(None)

    assert "Error: no error message: the task was killed" in webhook.messages[0]


def test_text_from_outside_can_neither_mention_people_nor_run_as_a_template(webhook: Webhook) -> None:
    fail(ValueError("<!channel> {{ 7 * 7 }} a & b"))

    assert "Error: &lt;!channel&gt; {{ 7 * 7 }} a &amp; b" in webhook.messages[0]


def test_without_the_connection_one_line_says_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")

    fail(ValueError("x"))

    said = [r.getMessage() for r in caplog.records if r.name.startswith("retrainer")]
    assert said == ["no alert was sent: there is no Airflow connection 'alerts' for Slack"]


def test_a_slack_that_refuses_does_not_fail_the_task_nor_leak_the_webhook(
    webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    webhook.status = 500

    fail(ValueError("x"))

    said = [r.getMessage() for r in caplog.records if r.name.startswith("retrainer")]
    assert said == ["Slack did not take the alert: AirflowException"]
    assert "secret-token" not in caplog.text


def test_a_slack_that_is_down_costs_less_than_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, free_ports(1)[0])

    assert fail(ValueError("x")) < 2


def test_a_slack_that_hangs_costs_less_than_two_seconds(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fail(ValueError("warm up: the Slack SDK is imported once"))
    with hanging_webhook() as port:
        connect(monkeypatch, port)
        assert fail(ValueError("x")) < 2
    assert "Slack did not take the alert within 1.5 s; not waiting for it" in caplog.messages
