"""The outbox: an alert goes in once, comes out to one sender at a time, and stays until it was taken."""

import threading
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from retrainer.ledger.schema import alerts
from tests.unit.ledger.entries import MODEL, new_alert


def give_back(outbox) -> None:
    """As after a sender that died a while ago."""
    with outbox._engine.begin() as connection:
        connection.execute(sa.update(alerts).values(claimed_until=datetime.now(UTC) - timedelta(seconds=1)))


def test_an_alert_is_put_in_once_and_given_out_oldest_first(outbox):
    assert outbox.put([new_alert("a"), new_alert("b")]) == 2
    assert outbox.put([new_alert("b"), new_alert("c"), new_alert("a", model="another")]) == 2
    assert [(alert.model, alert.identity, alert.number) for alert in outbox.unsent(10)] == [
        (MODEL, "a", 1),
        (MODEL, "b", 2),
        (MODEL, "c", 3),
        ("another", "a", 4),
    ]
    assert outbox.put([]) == 0


def test_no_more_than_asked_for_are_given_out(outbox):
    outbox.put([new_alert(name) for name in "abc"])
    assert [alert.identity for alert in outbox.unsent(2)] == ["a", "b"]
    assert [alert.identity for alert in outbox.unsent(2)] == ["c"]
    assert outbox.unsent(2) == ()


def test_what_was_sent_is_never_given_out_nor_put_in_again(outbox):
    outbox.put([new_alert("a")])
    outbox.mark_sent(outbox.unsent(1)[0].number)
    give_back(outbox)
    assert outbox.unsent(1) == ()
    assert outbox.put([new_alert("a")]) == 0


def test_what_a_sender_did_not_get_rid_of_is_given_out_again_later(outbox):
    outbox.put([new_alert("a")])
    (alert,) = outbox.unsent(1)
    assert outbox.unsent(1) == ()
    give_back(outbox)
    assert outbox.unsent(1) == (alert,)


def test_of_many_senders_at_once_no_two_get_the_same_alert(outbox):
    outbox.put([new_alert(str(number)) for number in range(60)])
    barrier, got, failed = threading.Barrier(10), [], []

    def work() -> None:
        try:
            barrier.wait()
            for _ in range(10):
                for alert in outbox.unsent(3):
                    got.append(alert.number)
                    outbox.mark_sent(alert.number)
        except BaseException as error:
            failed.append(repr(error))
            raise

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert sorted(got) == list(range(1, 61))
