"""The frame round a step in its own process: prints the request, runs the step, marks the result or the error."""

import atexit
import faulthandler
import json
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, TextIO

from pydantic import ValidationError

from retrainer.config.runtime import find_project_root, load_settings
from retrainer.contracts import StepRequest
from retrainer.errors import EXIT_RETRYABLE, ConfigurationError, RetrainerError
from retrainer.object_store import check_store
from retrainer.runtimes.marker import ERROR_MARKER, REQUEST_MARKER, RESULT_MARKER, marked_line
from retrainer.steps.catalog import STEPS, load_step

EXIT_INTERRUPTED = 130

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Frame:
    """Where a step runs: `output` takes marked lines only, `log` everything else."""

    environ: Mapping[str, str]
    root: Path
    output: TextIO
    log: TextIO
    catalog: Mapping[str, str] = field(default_factory=lambda: STEPS)


def execute(step: str, text: str, frame: Frame) -> int:
    """Run the step named `step` on the request `text` (JSON).

    Its exit status: 0 done, 1 failed and a retry may help, 78 a retry is useless, 130 interrupted.
    """
    _say(frame.log, _request_line(text))
    try:
        request = _parse(step, text)
        run = load_step(step, frame.catalog)
        started = time.monotonic()
        settings = load_settings(frame.environ, frame.root)
        check_store(settings.data_uri, frame.environ)
        result = run(request, settings)
        logger.info("step %s took %.2f s", step, time.monotonic() - started)
        _say(frame.output, marked_line(RESULT_MARKER, result.model_dump(mode="json")))
    except RetrainerError as error:
        return _fail(frame, error, str(error), error.exit_status)
    except KeyboardInterrupt as error:
        return _fail(frame, error, "interrupted", EXIT_INTERRUPTED)
    except BaseException as error:  # noqa: BLE001 the last frame of the process: it turns every error into a status
        return _fail(frame, error, traceback.format_exc(), EXIT_RETRYABLE)
    return 0


def run_process(
    step: str, text: str, *, environ: Mapping[str, str], root: Path | None = None, catalog: Mapping[str, str] = STEPS
) -> NoReturn:
    """Run a step as this whole process, and end it.

    Only marked lines get to stdout: whatever else is written there, by native code too, goes to stderr from now on.
    `root` defaults to the project round the working folder.
    """
    output = _take_stdout()
    faulthandler.enable()
    _log_to(sys.stderr)
    frame = Frame(environ, root or find_project_root(Path.cwd()), output, sys.stderr, catalog)
    finish(execute(step, text, frame))


def finish(status: int) -> NoReturn:
    """End this process as the interpreter would, exit handlers included, but without taking its memory apart.

    That would cost tenths of a second, copy the pages that a forked step shares with its host, and print DuckDB's list
    of leaked references.
    """
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 the step's own status counts
        traceback.print_exc()
    os._exit(status)


def _take_stdout() -> TextIO:
    """Turn stdout into stderr, and return the real one. New streams: the old ones may think they are files."""
    sys.stdout.flush()
    sys.stderr.flush()
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout, sys.stderr = _text_stream(1), _text_stream(2)
    return output


def _text_stream(descriptor: int) -> TextIO:
    return os.fdopen(descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)


def _parse(step: str, text: str) -> StepRequest:
    try:
        request = StepRequest.from_json(text)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc'])) or 'request'}: {e['msg']}" for e in error.errors(include_url=False)]
        raise ConfigurationError("the request is not valid: " + "; ".join(lines)) from error
    if request.step != step:
        raise ConfigurationError(f"the request is for the step {request.step!r}, not for {step!r}")
    return request


def _request_line(text: str) -> str:
    """The request on one line; also where it is not valid JSON, so that the log shows what came in."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    return marked_line(REQUEST_MARKER, value) if isinstance(value, dict) else f"{REQUEST_MARKER}{text!r}\n"


def _fail(frame: Frame, error: BaseException, text: str, status: int) -> int:
    """An error on purpose is told in its own words, any other with its traceback."""
    kind = type(error).__name__
    is_ours = isinstance(error, RetrainerError)
    _say(frame.log, f"{kind}: {text}\n" if is_ours else text.rstrip() + "\n")
    message = text if is_ours else f"{kind}: {error}"
    _say(frame.output, marked_line(ERROR_MARKER, {"kind": kind, "message": message}))
    return status


def _say(stream: TextIO, text: str) -> None:
    stream.write(text)
    stream.flush()


def _log_to(stream: TextIO) -> None:
    handler = logging.StreamHandler(stream)
    formatter = logging.Formatter("%(asctime)sZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for ours in ("retrainer", "models"):
        logging.getLogger(ours).setLevel(logging.INFO)
