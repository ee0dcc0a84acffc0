"""The server's side of the supply: what it says is carried out, and tried again while that is not possible."""

import asyncio

import pytest

from retrainer.contracts import Assignment
from retrainer.serving import watch
from retrainer.serving.supply.messages import Supplied
from retrainer.serving.watch import SupplyWatch


def said(sequence):
    return Supplied(assignment=Assignment(model="taxi", sequence=sequence)).to_json().encode()


class Carries:
    """Fails as often as it is told to."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.tried = []

    async def __call__(self, supplied):
        self.tried.append(supplied.assignment.sequence)
        if self.errors:
            raise self.errors.pop(0)


@pytest.fixture
def hear(monkeypatch):
    """Let a watch hear lines; returns when all of them are done."""
    monkeypatch.setattr(watch, "_FIRST_PAUSE_SECONDS", 0.001)

    def run(carries, *lines):
        async def main():
            watching = SupplyWatch(carries, {})
            for line in lines:
                watching._hear(line)
            while watching._tasks:
                await asyncio.wait(set(watching._tasks))

        asyncio.run(main())

    return run


def test_what_cannot_be_done_now_is_tried_again(hear, caplog):
    carries = Carries(ConnectionError("a candidate could not be asked"), OSError("disk full"))
    hear(carries, said(3))
    assert carries.tried == [3, 3, 3]
    assert "entry 3 of taxi is tried again" in caplog.text


def test_what_is_out_of_date_is_not_tried_again(hear):
    carries = Carries(OSError("not now"))
    hear(carries, said(3), said(4))
    assert carries.tried == [3, 4]


def test_a_mistake_is_told_and_does_not_end_the_server(hear, caplog):
    carries = Carries(KeyError("a mistake"))
    hear(carries, said(3), b"not json\n", said(4))
    assert carries.tried == [3, 4]
    assert "entry 3 of taxi could not be carried out" in caplog.text
    assert "not understood" in caplog.text
