"""What the model server did in an interval, from its metrics; a look at them is kept, so that a retry sees the same."""

import logging
import time
from datetime import UTC, datetime

from pydantic import ValidationError

from retrainer.config.declaration import ModelConfig
from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import Interval, StepRequest
from retrainer.contracts.monitoring import Measurement
from retrainer.deployment.server import ModelServer
from retrainer.errors import ModelServerError, RetrainerError
from retrainer.monitoring.service import (
    Scrape,
    Scrapes,
    measure_service,
    not_scraped,
    read_metrics,
    traffic,
    unreachable,
)
from retrainer.snapshots import DataPlace, file_names, read_file, write_file

log = logging.getLogger(__name__)

_FOLDER = "scrapes"
_SUFFIX = ".json"
_TRIES = 3
_PAUSE_SECONDS = 0.5


def measure_server(config: ModelConfig, settings: RuntimeSettings, request: StepRequest) -> tuple[Measurement, ...]:
    """Latencies, failures, rate, processor time and memory of the request's interval; none where nothing is served.

    The server is looked at once an interval: what it said is kept, and an interval that is measured again is measured
    by the same look. A backfilled run does not look, since the server tells nothing of the past. Whatever the server
    does, the step goes on: of one that does not answer, all requests failed.
    """
    if config.serving is None or not settings.has_server:
        return ()
    place, interval = DataPlace(settings.data_uri, config.name), request.interval
    scrapes = _read(_uri(place, interval.key))
    if scrapes is None and request.params.get("backfill") is True:
        return (not_scraped(interval, "nobody looked at the model server at that time, and this run is a backfill"),)
    if scrapes is None:
        try:
            now = _look(config, settings)
        except RetrainerError as error:
            log.warning("%s", error.args[0])
            return (unreachable(interval, str(error.args[0]), tries=_TRIES, alarm=config.monitoring.service),)
        scrapes = Scrapes(now=now, before=_before(place, interval))
        write_file(_uri(place, interval.key), scrapes.to_json().encode())
    return measure_service(traffic(scrapes), interval=interval, alarm=config.monitoring.service)


def _look(config: ModelConfig, settings: RuntimeSettings) -> Scrape:
    """What the server says now. It is asked again where it is away, such as while it is started again.

    Raises:
        ConfigurationError: its address is none.
        ModelServerError: it did not answer, or not as a model server.
    """
    server = ModelServer(settings.serving_uri, settings.serving_admin_key)
    for tries_left in reversed(range(_TRIES)):
        try:
            page = server.metrics()
            return read_metrics(page, config.name, at=datetime.now(UTC))
        except ModelServerError:
            if not tries_left:
                raise
            time.sleep(_PAUSE_SECONDS)
        except ValueError as error:
            raise ModelServerError(f"{server.name} does not answer as one of this version: {error}") from error
    raise AssertionError("unreachable")


def _before(place: DataPlace, interval: Interval) -> Scrape | None:
    """The look of the newest interval before this one."""
    keys = [name.removesuffix(_SUFFIX) for name in file_names(place.monitoring(_FOLDER)) if name.endswith(_SUFFIX)]
    newest = max((key for key in keys if key < interval.key), default=None)
    kept = _read(_uri(place, newest)) if newest else None
    return kept.now if kept else None


def _read(uri: str) -> Scrapes | None:
    content = read_file(uri)
    try:
        return Scrapes.from_json(content) if content is not None else None
    except ValidationError:  # of another version of this software: as if nobody had looked
        log.warning("%s is no scrape that this version understands", uri)
        return None


def _uri(place: DataPlace, key: str) -> str:
    return place.monitoring(_FOLDER, f"{key}{_SUFFIX}")
