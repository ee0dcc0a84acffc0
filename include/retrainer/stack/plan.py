"""What the supervisor is to run: values that pass as one line of JSON from the launcher to the processes it starts."""

import json
from dataclasses import asdict, dataclass
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One process of the stack."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str]
    working_directory: str
    log_file: str
    """File that stdout and stderr are appended to."""
    once: bool = False
    """It ends by itself; the services that come `after` it start when it has ended with 0."""
    after: str = ""
    """Name of a `once` service, or empty."""
    done_file: str = ""
    """File that gets `done_text` when a `once` service has ended with 0, or empty."""
    done_text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The services, and how patient to be with them."""

    services: tuple[Service, ...]
    state_file: str
    """JSON file that says which processes run, for `retrainer down`."""
    grace_seconds: float = 5.0
    """Time between asking the services to end and killing them."""
    backoff_seconds: float = 1.0
    """Wait before the first restart of a service that died; doubles each time."""
    max_restarts: int = 5
    """A service that dies once more than this, never having lived for `stable_seconds`, stops the stack."""
    stable_seconds: float = 60.0

    def to_json(self) -> str:
        """One line of JSON. It holds the services' environments: never log it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The plan that `to_json` wrote."""
        content = json.loads(text)
        services = tuple(Service(**{**item, "command": tuple(item["command"])}) for item in content.pop("services"))
        return cls(services=services, **content)
