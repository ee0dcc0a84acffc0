"""Small requests that come at the same time are answered in one call, as if each had come alone."""

import asyncio

import numpy as np
import pytest

from retrainer.serving.together import Together


class Doubling:
    """A version that doubles `distance`, and remembers how many records it was asked about at once."""

    def __init__(self):
        self.asked = []

    def predict(self, columns):
        distance = columns["distance"]
        self.asked.append(len(distance))
        if (distance < 0).any():
            raise ValueError("a distance below 0")
        if (distance > 1000).any():
            raise StopIteration("too far")
        return distance * 2


def records(*distances, **others):
    return {"distance": np.array(distances), **others}


def answers(predictor, *requests):
    """What each request is told, all asked in one turn of the event loop."""

    async def ask():
        together = Together()
        return await asyncio.gather(*(together.ask(predictor, each) for each in requests), return_exceptions=True)

    return [each if isinstance(each, Exception) else each.tolist() for each in asyncio.run(ask())]


def test_requests_of_one_turn_are_answered_in_one_call_each_with_its_own_records():
    predictor = Doubling()
    assert answers(predictor, records(1.0), records(2.0, 3.0), records(4.0)) == [[2.0], [4.0, 6.0], [8.0]]
    assert predictor.asked == [4]


def test_a_request_that_cannot_be_answered_spoils_none_of_the_others():
    predictor = Doubling()
    good, bad, other = answers(predictor, records(1.0), records(-1.0), records(2.0))
    assert (good, other) == ([2.0], [4.0])
    assert isinstance(bad, ValueError)
    assert predictor.asked == [3, 1, 1, 1]


def test_whatever_a_model_raises_is_told():
    good, bad = answers(Doubling(), records(1.0), records(2000.0))
    assert good == [2.0]
    assert isinstance(bad, RuntimeError)


def test_requests_with_other_columns_and_of_other_versions_are_not_mixed():
    first, second = Doubling(), Doubling()

    async def ask():
        together = Together()
        asked = [
            together.ask(first, records(1.0)),
            together.ask(first, records(2.0, dest=np.array(["ORD"], dtype=object))),
            together.ask(second, records(3.0)),
        ]
        return [answer.tolist() for answer in await asyncio.gather(*asked)]

    assert asyncio.run(ask()) == [[2.0], [4.0], [6.0]]
    assert (first.asked, second.asked) == ([1, 1], [1])


@pytest.mark.parametrize("others", [0, 2])
def test_what_nobody_waits_for_any_more_is_not_predicted(others):
    predictor = Doubling()

    async def ask():
        together = Together()
        gone = together.ask(predictor, records(5.0))
        asked = [together.ask(predictor, records(1.0)) for _ in range(others)]
        gone.cancel()
        await asyncio.gather(*asked)
        await asyncio.sleep(0)

    asyncio.run(ask())
    assert sum(predictor.asked) == others
