"""Trying a version out in a process that may die.

A model file can end the interpreter when it is loaded or asked: a skops file of nothing but reviewed types can hold
tree nodes that point outside of their tree. So each trial runs in a process of its own, forked from one that has
imported everything and done nothing: that takes hundredths of a second instead of the seconds of its imports.
"""

import gc
import json
import os
import select
import signal
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

import msgspec
import numpy as np

from retrainer.contracts import ServingSpec
from retrainer.runtimes.processes import die_with_parent, prefer_as_victim
from retrainer.serving.fallback import Fallback
from retrainer.serving.known_answers import sample_problem
from retrainer.serving.load_own_code import with_plain_names
from retrainer.serving.local_copy import Sample, read_checks, verify
from retrainer.serving.predictor import load_predictor
from retrainer.serving.records import ParsedRecords, RecordParser

_TRIAL_SECONDS = 60.0
_MOST_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why the model of a version is not to be served, and why its rule is not to be asked; empty where it may."""

    rule: str
    model: str


class Trials:
    """The process that trials are forked from. Make it before this process starts a thread."""

    def __init__(self, *, seconds: float = _TRIAL_SECONDS) -> None:
        """`seconds`: a trial that takes longer is ended, and has failed."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        parent = os.getpid()
        gc.collect()
        gc.freeze()
        if os.fork() == 0:
            ours.close()
            _be_host(theirs, parent, seconds)
        theirs.close()
        self._host = ours.makefile("rw", encoding="utf-8")

    def verdict(self, folder: Path) -> Verdict:
        """Load the version in `folder`, ask it and its rule for its sample, and say what came of it.

        Raises:
            ConnectionError: the process that trials are forked from is gone.
        """
        self._host.write(json.dumps(str(folder)) + "\n")
        self._host.flush()
        answer = self._host.readline()
        if not answer:
            raise ConnectionError("the process that trials are forked from has ended")
        return Verdict(**json.loads(answer))


def _be_host(connection: socket.socket, parent: int, seconds: float) -> NoReturn:
    """Fork a process for each trial that is asked for, until nobody can ask any more."""
    try:
        die_with_parent(parent)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)  # held open here, the server would not see that the supply has died
        with connection.makefile("rw", encoding="utf-8") as stream:
            for line in stream:
                verdict = _tried(Path(json.loads(line)), seconds)
                stream.write(json.dumps(asdict(verdict)) + "\n")
                stream.flush()
    except BaseException:  # noqa: BLE001 nothing may get back into the supply's own code
        traceback.print_exc()
    finally:
        os._exit(0)


def _tried(folder: Path, seconds: float) -> Verdict:
    """What a process of its own says of the version, or what became of that process."""
    reading, writing = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _be_trial(folder, writing, parent)
    os.close(writing)
    said, in_time = _read(reading, time.monotonic() + seconds)
    if not in_time:
        os.kill(pid, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if len(said) == 2:
        return Verdict(*said)
    subject = "model" if said else "rule"
    if in_time:
        how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        problem = f"trying its {subject} out ended the process: {how}"
    else:
        problem = f"trying its {subject} out took longer than {seconds:g} s"
    return Verdict(said[0], problem) if said else Verdict(problem, problem)


def _read(pipe: int, deadline: float) -> tuple[list[str], bool]:
    """The whole lines that come until the pipe is closed, or the deadline; whether it was closed in time."""
    received, in_time = b"", False
    with os.fdopen(pipe, "rb", buffering=0) as stream:
        while not in_time and select.select([stream], [], [], max(0.0, deadline - time.monotonic()))[0]:
            part = stream.read(_MOST_BYTES)
            received += part
            in_time = not part
    return received.decode(errors="replace").split("\n")[:-1], in_time


def _be_trial(folder: Path, output: int, parent: int) -> NoReturn:
    """Say what is wrong with the rule and with the model of the version, one line each, and end."""
    try:
        die_with_parent(parent)
        prefer_as_victim()
        gc.disable()  # it would copy the memory that is shared with the host
        for subject, find in (("rule", _rule_problem), ("model", _model_problem)):
            os.write(output, _line(subject, folder, find))
        os._exit(0)
    finally:
        os._exit(1)


def _line(subject: str, folder: Path, find: Callable[[Path], str]) -> bytes:
    try:
        problem = find(folder)
    except Exception as error:  # noqa: BLE001 a model's own code may raise anything
        traceback.print_exc()
        problem = with_plain_names(f"its {subject} cannot be used: {type(error).__name__}: {error}")
    return problem.partition("\n")[0].encode(errors="replace")[: _MOST_BYTES - 1] + b"\n"


def _model_problem(folder: Path) -> str:
    predictor = load_predictor(folder)
    sample = read_checks(folder).sample
    outputs = [predictor.predict(parsed.columns) for parsed in _parsed(predictor.spec, sample)]
    return sample_problem(predictor.spec, sample.outputs, np.concatenate([np.empty(0), *outputs]))


def _rule_problem(folder: Path) -> str:
    spec = verify(folder)
    rule = Fallback(folder, spec)
    for parsed in _parsed(spec, read_checks(folder).sample):
        outputs = rule.predict(parsed.columns)
        if outputs.shape != (parsed.count,) or not np.isfinite(outputs).all():
            return "its rule does not give one finite number a record"
    return ""


def _parsed(spec: ServingSpec, sample: Sample) -> Iterator[ParsedRecords]:
    """The sample as requests, none with more records than are allowed."""
    parser = RecordParser(spec)
    for start in range(0, len(sample.records), parser.max_records):
        records = sample.records[start : start + parser.max_records]
        yield parser.parse(msgspec.json.encode({"records": records}))
