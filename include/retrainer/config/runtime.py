"""The settings of this machine, read once at an entry point: config/runtime.yaml, then RETRAINER_* variables."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, JsonValue, PrivateAttr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from retrainer.config.document import Document, read_document
from retrainer.config.near_miss import listed, nearest
from retrainer.config.object_store import object_store_variables
from retrainer.config.section import Section
from retrainer.errors import ConfigurationError

_PREFIX = "RETRAINER_"
_CONNECTION_PREFIX = "RETRAINER_CONN_"
_SETTINGS_FILE = Path("config", "runtime.yaml")
_MAX_SOCKET_BYTES = 100  # a Unix socket's path may have 108 bytes on Linux and 104 on macOS, the final zero included

_OF_THIS_MACHINE = (
    "project_root",
    "home",
    "models_dir",
    "airflow_port",
    "mlflow_port",
    "serving_host",
    "serving_port",
    "parallelism",
    "step_host_socket",
    "docker_url",
)
"""Settings that mean nothing in a container: its image has its own."""

Port = Annotated[int, Field(ge=1, le=65535)]


class RuntimeSettings(Section):
    """What differs between two machines. Field `x` is key `x` of config/runtime.yaml and variable RETRAINER_X."""

    project_root: Path
    """Folder of the project: config, dags, plugins and include are in it. Default: the nearest one at or above the
    working folder. Only as a variable."""
    home: Path
    """Folder of everything that running writes. Default: .retrainer in the project."""
    data_uri: str
    """Folder, or s3://bucket/prefix, of snapshots, features, predictions and reports. Default: data in home."""
    ledger_url: str = Field(repr=False)
    """SQLAlchemy URL of the ledger of releases. Default: ledger.sqlite in home."""
    mlflow_uri: str
    """Address of the MLflow tracking server. Default: the local stack's, http://127.0.0.1:<mlflow_port>."""
    models_dir: Path
    """Folder of the model declarations. Default: config/models in the project."""
    airflow_port: Port = 8080
    """Port of the local Airflow API server and its UI, on 127.0.0.1."""
    mlflow_port: Port = 5000
    """Port of the local MLflow tracking server, on 127.0.0.1."""
    serving_host: str = "127.0.0.1"
    """Address that the model server listens on. Anything but the loopback demands API keys."""
    serving_port: Port = 8000
    """Port of the model server."""
    serving_uri: str
    """Address of the model server that deploy releases to. Default: the local stack's. `none`: there is none."""
    serving_admin_key: str = Field(default="", repr=False)
    """Admin key of the model server, where it demands keys. Never log it."""
    serving_max_body_kb: int = Field(default=1024, ge=1, le=1_048_576)
    """Largest body of a request to the model server, in units of 1024 bytes."""
    serving_max_waiting: int = Field(default=256, ge=1, le=100_000)
    """Requests that may be under way in the model server at once; others are told to come back (429)."""
    serving_timeout_seconds: float = Field(default=10, gt=0, le=600)
    """How long a client may take to send a request, in seconds."""
    parallelism: int = Field(ge=1, le=16)
    """How many tasks Airflow runs at once. Default: the number of cores, at least 2 and at most 16."""
    slack_connection_id: str = "slack_default"
    """Airflow connection of the Slack webhook for alerts; used only where it exists."""
    step_host_socket: Path
    """Unix socket of the warm step host, at most 100 bytes. Default: in home, or where that is too long in /tmp."""
    docker_url: str = "unix:///var/run/docker.sock"
    """Address of the Docker engine, or of a proxy before it, that runs the steps of models whose runtime is docker."""
    mlflow_timeout_seconds: int = Field(default=30, ge=1, le=600)
    """How long one request to MLflow may take, in seconds."""
    mlflow_retries: int = Field(default=3, ge=0, le=10)
    """How often a request to MLflow is tried again."""

    _environ: dict[str, str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: dict[str, object]) -> dict[str, object]:
        root = Path(str(given["project_root"])).absolute()
        home = _under(root, given.get("home", ".retrainer"))
        defaults: dict[str, object] = {
            "data_uri": str(home / "data"),
            "ledger_url": f"sqlite:///{home / 'ledger.sqlite'}",
            "mlflow_uri": f"http://127.0.0.1:{given.get('mlflow_port', 5000)}",
            "serving_uri": f"http://127.0.0.1:{given.get('serving_port', 8000)}",
            "parallelism": min(max(_cores(), 2), 16),
            "step_host_socket": _default_socket(home),
        }
        paths = {
            "project_root": root,
            "home": home,
            "models_dir": _under(root, given.get("models_dir", "config/models")),
        }
        filled = defaults | given | paths
        if "://" not in str(filled["data_uri"]):
            filled["data_uri"] = str(_under(root, filled["data_uri"]))
        return filled

    @field_validator("step_host_socket")
    @classmethod
    def _short(cls, path: Path) -> Path:
        length = len(os.fsencode(path))
        if length > _MAX_SOCKET_BYTES:
            raise ValueError(f"must be a path of at most {_MAX_SOCKET_BYTES} bytes, got {length}: {path}")
        if not path.is_absolute():
            raise ValueError(f"must be an absolute path, got {path}")
        return path

    @field_validator("docker_url")
    @classmethod
    def _of_an_engine(cls, url: str) -> str:
        if not url.startswith(("unix:///", "tcp://")):
            raise ValueError(f"must be unix:///<path> or tcp://<host>:<port>, got {url!r}")
        return url

    @model_validator(mode="after")
    def _different_ports(self) -> Self:
        if self.airflow_port == self.mlflow_port:
            raise ValueError(f"mlflow_port: must differ from airflow_port, both are {self.mlflow_port}")
        for name in ("airflow_port", "mlflow_port"):
            if getattr(self, name) == self.serving_port:
                raise ValueError(f"serving_port: must differ from {name}, both are {self.serving_port}")
        return self

    @property
    def example_database(self) -> Path:
        """SQLite file of the example's source database."""
        return self.home / "example" / "flights.sqlite"

    @property
    def runs_local_mlflow(self) -> bool:
        """Whether the local stack's own MLflow server is the one that is used."""
        return self.mlflow_uri.rstrip("/") == f"http://127.0.0.1:{self.mlflow_port}"

    @property
    def has_server(self) -> bool:
        """Whether there is a model server that releases go to."""
        return self.serving_uri != "none"

    @property
    def runs_local_server(self) -> bool:
        """Whether the local stack's own model server is the one that releases go to."""
        return self.serving_uri.rstrip("/") == f"http://127.0.0.1:{self.serving_port}"

    def connection_url(self, connection_id: str) -> str:
        """The SQLAlchemy URL of a connection, from RETRAINER_CONN_<ID>. It may hold a password: never log it.

        Raises:
            ConfigurationError: the variable is not set. The message names it and the nearest one that is.
        """
        variable = connection_variable(connection_id)
        if url := self._environ.get(variable):
            return url
        near = nearest(variable, [name for name in self._environ if name.startswith(_CONNECTION_PREFIX)])
        meant = f"; did you mean {near.removeprefix(_CONNECTION_PREFIX).lower()!r}?" if near else ""
        raise ConfigurationError(
            f"connection {connection_id!r} is not known here: {variable} is not set{meant}",
            hint=f"Set {variable} to the SQLAlchemy URL, or add the Airflow connection {connection_id!r}.",
        )

    def child_environment(self) -> dict[str, str]:
        """The environment of processes that are to have these settings: the variables read, and all RETRAINER_*."""
        kept = {name: value for name, value in self._environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return kept | {_PREFIX + name.upper(): str(value) for name, value in self.model_dump(mode="json").items()}

    def container_environment(self, *, with_secrets: bool) -> dict[str, str]:
        """The settings as variables for a container. Secrets are the ledger's address and the server's key."""
        fields = type(self).model_fields
        given = {
            name: str(value)
            for name, value in self.model_dump(mode="json").items()
            if name not in _OF_THIS_MACHINE and (with_secrets or fields[name].repr)
        }
        return {_PREFIX + name.upper(): value for name, value in given.items()}

    def handed_through(self, names: Iterable[str]) -> dict[str, str]:
        """Variables of this machine, by their names.

        Raises:
            ConfigurationError: one is not set here; the message names it and the nearest one that is.
        """
        missing = [name for name in names if name not in self._environ]
        if missing:
            near = nearest(missing[0], self._environ)
            meant = f"; did you mean {near!r}?" if near else ""
            raise ConfigurationError(f"runtime.docker.environment: {missing[0]} is not set on this worker{meant}")
        return {name: self._environ[name] for name in names}


def connection_variable(connection_id: str) -> str:
    """The environment variable that holds the SQLAlchemy URL of a connection."""
    return _CONNECTION_PREFIX + "".join(letter if letter.isalnum() else "_" for letter in connection_id).upper()


def load_settings(environ: Mapping[str, str], root: Path) -> RuntimeSettings:
    """The settings of the project at `root` (RETRAINER_PROJECT_ROOT, where set, is another one).

    Args:
        environ: the process's environment variables. They are kept for `connection_url` and `child_environment`.
        root: folder of the project. Its config/runtime.yaml may be missing: then the defaults hold.

    Raises:
        ConfigurationError: an unknown setting or a wrong value; names the file, line and key, or the variable.
    """
    given = {name: value for name, value in environ.items() if name.startswith(_PREFIX) and value}
    overrides = {n.removeprefix(_PREFIX).lower(): v for n, v in given.items() if not n.startswith(_CONNECTION_PREFIX)}
    root = Path(overrides.get("project_root", root)).absolute()
    path = root / _SETTINGS_FILE
    document = read_document(path) if path.is_file() else None
    in_file = document.content if document else {}
    mistakes = [*_unknown_variables(overrides), *(_unknown_keys(document) if document else [])]
    if mistakes:
        raise ConfigurationError("\n".join(mistakes))
    try:
        settings = RuntimeSettings.model_validate({**in_file, **overrides, "project_root": root})
    except ValidationError as error:
        lines = [_line(problem, document, overrides) for problem in error.errors()]
        raise ConfigurationError("\n".join(lines)) from error
    settings._environ = {**environ, **object_store_variables(environ)}
    return settings


def find_project_root(start: Path) -> Path:
    """The nearest folder at or above `start` with config/models in it; else the one this package is installed from."""
    for folder in (start.absolute(), *start.absolute().parents):
        if (folder / "config" / "models").is_dir():
            return folder
    return Path(__file__).absolute().parents[3]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2


def _under(root: Path, value: object) -> Path:
    return Path(os.path.normpath(root / Path(str(value)).expanduser()))


def _default_socket(home: Path) -> Path:
    """In home where that is short enough, else a path in /tmp that only depends on home and the user."""
    inside = home / "run" / "step-host.sock"
    if len(os.fsencode(inside)) <= _MAX_SOCKET_BYTES:
        return inside
    name = f"retrainer-{os.getuid()}-{hashlib.sha256(os.fsencode(home)).hexdigest()[:12]}"
    return Path("/tmp", name, "step-host.sock")  # noqa: S108 a private folder, whose owner is checked


def _unknown_variables(overrides: Mapping[str, JsonValue]) -> Iterable[str]:
    allowed = list(RuntimeSettings.model_fields)
    for name in sorted(set(overrides) - set(allowed)):
        near = nearest(name, allowed)
        meant = f"; did you mean {_PREFIX}{near.upper()}?" if near else ""
        variables = [_PREFIX + field.upper() for field in allowed]
        yield f"unknown setting {_PREFIX}{name.upper()}{meant} (allowed: {listed(variables)} and RETRAINER_CONN_<ID>)"


def _unknown_keys(document: Document) -> Iterable[str]:
    allowed = [name for name in RuntimeSettings.model_fields if name != "project_root"]
    for name in document.content:
        if name not in allowed:
            near = nearest(name, allowed)
            meant = f"; did you mean {near!r}?" if near else ""
            where = f"{document.path}:{document.line((name,))}"
            yield f"{where}: unknown key {name!r}{meant} (allowed: {listed(allowed, near=near)})"


def _line(problem: ErrorDetails, document: Document | None, overrides: Mapping[str, JsonValue]) -> str:
    """One mistake as one line that says where the value came from."""
    message = problem["msg"].removeprefix("Value error, ")
    name = str(problem["loc"][0]) if problem["loc"] else message.partition(":")[0]
    if not problem["loc"]:
        message = message.partition(": ")[2]
    elif problem["type"] != "value_error":
        message = f"{message[0].lower()}{message[1:]}, got {problem['input']!r}"
    if name in overrides or document is None or name not in document.content:
        return f"{_PREFIX}{name.upper()}: {message}"
    return f"{document.path}:{document.line((name,))}: {name}: {message}"
