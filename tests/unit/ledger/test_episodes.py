"""The events of episodes: a sequence for each model, each identity once, whoever else writes."""

import threading

from tests.unit.ledger.entries import MODEL, day, new_event


def test_an_event_reads_back_as_it_was_appended(episodes):
    event = new_event("a", details={"reason": "drift", "findings": [{"subjects": ["distance"]}], "version": 4})
    (written,) = episodes.append([event])
    assert written.model_dump(exclude={"sequence", "created_at"}) == event.model_dump()
    assert written.sequence == 1
    assert episodes.events(MODEL) == (written,)


def test_the_same_identity_is_written_once_and_stays_as_it_was(episodes):
    first = episodes.append([new_event("a", severity="warn"), new_event("b")])
    again = episodes.append([new_event("a", severity="severe"), new_event("b"), new_event("c")])
    assert again[:2] == first
    assert [event.sequence for event in again] == [1, 2, 3]
    assert episodes.events(MODEL) == again


def test_the_same_identity_twice_in_one_call_is_one_event(episodes):
    assert len(episodes.append([new_event("a"), new_event("a")])) == 1


def test_models_have_sequences_of_their_own_and_topics_can_be_asked_for(episodes):
    episodes.append([new_event("a"), new_event("b", topic="service")])
    episodes.append([new_event("a", model="another", interval=day(2))])
    assert [event.sequence for event in episodes.events("another")] == [1]
    assert [event.identity for event in episodes.events(MODEL, topic="service")] == ["b"]
    assert episodes.events("nobody") == ()
    assert episodes.append([]) == ()


def test_many_that_append_at_once_leave_a_sequence_without_gap_or_double(episodes):
    barrier, failed = threading.Barrier(20), []

    def work(number: int) -> None:
        try:
            barrier.wait()
            episodes.append([new_event("everybody's"), new_event(f"of {number}")])
        except BaseException as error:
            failed.append(repr(error))
            raise

    threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = episodes.events(MODEL)
    assert failed == []
    assert [event.sequence for event in events] == list(range(1, 22))
    assert len({event.identity for event in events}) == 21
