"""The trigger that looks, from the triggerer, whether an interval has landed."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from airflow.triggers.base import BaseTrigger, TriggerEvent
from pydantic import JsonValue

from retrainer.airflow.connections import async_source_url
from retrainer.airflow.landing import look
from retrainer.config.runtime import load_settings
from retrainer.config.source import Source
from retrainer.contracts import Interval


class ArrivalTrigger(BaseTrigger):
    """Looks every `poll_seconds` until the interval has landed or `deadline` (ISO 8601) has passed; then fires once.

    Its arguments are kept in Airflow's database: they name a connection and hold no secret. The event's payload has
    `arrival` (an Arrival as JSON, or null) and `missing` (in words, what was not there at the last look).
    """

    def __init__(
        self,
        *,
        source: dict[str, JsonValue],
        interval: dict[str, JsonValue],
        deadline: str,
        poll_seconds: float,
        project_root: str,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.source = source
        self.interval = interval
        self.deadline = deadline
        self.poll_seconds = poll_seconds
        self.project_root = project_root

    def serialize(self) -> tuple[str, dict[str, JsonValue]]:
        """Class path and arguments, from which any triggerer makes this trigger again."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            "source": self.source,
            "interval": self.interval,
            "deadline": self.deadline,
            "poll_seconds": self.poll_seconds,
            "project_root": self.project_root,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until it is there or the time is up. Nothing here blocks the triggerer's event loop."""
        source = Source.model_validate(self.source)
        interval = Interval.model_validate(self.interval)
        deadline = datetime.fromisoformat(self.deadline)
        root = Path(self.project_root)
        settings = await asyncio.to_thread(load_settings, os.environ, root)
        while True:
            url = await async_source_url(source, settings)
            found = await asyncio.to_thread(look, source, interval, url=url, project_root=root)
            left = (deadline - datetime.now(UTC)).total_seconds()
            if found.arrival is not None or left <= 0:
                arrived = found.arrival.model_dump(mode="json") if found.arrival else None
                yield TriggerEvent({"arrival": arrived, "missing": found.missing})  # type: ignore[no-untyped-call]
                return
            await asyncio.sleep(min(self.poll_seconds, left))
