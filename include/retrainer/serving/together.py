"""Requests that come at the same time are predicted in one call: most of what a prediction costs is the call."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from retrainer.columns import Columns, number_of_rows

if TYPE_CHECKING:
    from retrainer.serving.predictor import Predictor

Values = NDArray[np.float64]
Predict = Callable[[Columns], Values]


@dataclass(frozen=True, slots=True)
class Question:
    """The columns of one request, and where its answer is to go. Those answered together have the same columns."""

    columns: Columns
    answer: "Future[Values] | asyncio.Future[Values]"

    @property
    def rows(self) -> int:
        """How many records it has."""
        return number_of_rows(self.columns)


def answer_together(questions: Sequence[Question], predict: Predict) -> None:
    """Answer them in one call; where that fails, each alone, since one of them may be to blame."""
    try:
        outputs = predict(_joined(questions))
    except BaseException as error:  # noqa: BLE001 whoever asked is told
        if len(questions) == 1:
            questions[0].answer.set_exception(_tellable(error))
            return
        for question in questions:
            answer_together([question], predict)
        return
    ends = np.cumsum([question.rows for question in questions])
    for question, part in zip(questions, np.split(outputs, ends[:-1]), strict=True):
        question.answer.set_result(part)


class Together:
    """Small requests, on the event loop: those that come in one turn of it are answered in the next."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[Predictor, *tuple[str, ...]], list[Question]] = {}

    def ask(self, predictor: "Predictor", columns: Columns) -> asyncio.Future[Values]:
        """What `predictor` says of the records with these columns: see `Predictor.predict`."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._answer)
        answer: asyncio.Future[Values] = loop.create_future()
        self._waiting.setdefault((predictor, *columns), []).append(Question(columns, answer))
        return answer

    def _answer(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for (predictor, *_), questions in waiting.items():
            wanted = [question for question in questions if not question.answer.done()]
            if wanted:
                answer_together(wanted, predictor.predict)


def _joined(questions: Sequence[Question]) -> Columns:
    first = questions[0].columns
    if len(questions) == 1:
        return first
    return {name: np.concatenate([question.columns[name] for question in questions]) for name in first}


def _tellable(error: BaseException) -> BaseException:
    """No future takes a StopIteration."""
    return RuntimeError(f"StopIteration: {error}") if isinstance(error, StopIteration) else error
