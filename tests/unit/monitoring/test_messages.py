"""What people are told: short, with the report, and without anything that could mention them by itself."""

from retrainer.contracts import Finding
from tests.unit.monitoring.played import Played, finding


def test_what_comes_from_outside_can_neither_mention_people_nor_be_a_link():
    played = Played()
    sly = Finding(
        about="feature", subjects=("distance",), effect=1, severity="warn", message="<!channel> & <https://evil|here>"
    )
    played.monitor(1, sly, report_url="https://mlflow.example/a|b><!here>")
    text = played.alerts[0].text
    assert "• feature: &lt;!channel&gt; &amp; &lt;https://evil|here&gt;" in text
    assert "<https://mlflow.example/a%7Cb&gt;&lt;!here&gt;|Report>" in text


def test_a_reason_out_of_the_ledger_is_escaped_too():
    played = Played()
    plan = played.monitor(1, finding("distance"))
    played.enter("reject", 2, as_of=plan.train_as_of)
    played.entries[0] = played.entries[0].model_copy(update={"reason": "<!here> look"})
    played.monitor(2)
    assert "Why: &lt;!here&gt; look" in played.alerts[-2].text


def test_without_a_report_there_is_no_link():
    played = Played()
    played.monitor(1, finding("distance"), report_url="")
    assert played.alerts[0].text.endswith("UTC")


def test_a_long_message_is_cut():
    played = Played()
    long = finding("distance").model_copy(update={"message": "x" * 10_000})
    played.monitor(1, long)
    assert len(played.alerts[0].text) < 1000


def test_a_question_says_why_and_where_to_answer():
    played = Played()
    played.monitor(1, finding("prediction", severity="warn", about="prediction"))
    assert played.alerts[0].text.splitlines() == [
        ":large_yellow_circle: *flight_delay*: episode 1 has opened (warn)",
        "• prediction: prediction moved",
        "Retraining: *please decide*, under _Required Actions_ in Airflow. The predictions have changed and no feature "
        "has.",
        "Interval: 2013-05-01 04:00 to 2013-05-02 04:00 UTC · <https://mlflow.example/report|Report>",
    ]


def test_why_nothing_was_fired_is_told():
    played = Played(trained_until=None)
    played.finish(played.monitor(1, finding("distance")), "reject", version=2)
    played.monitor(2)
    played.monitor(3, finding("carrier"))
    assert "Retraining: held, no run within 4 intervals of monitor__1__2013-05-01T04:00:00Z." in played.alerts[-1].text
