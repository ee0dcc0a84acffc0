"""What a model server says of a model, and telling it that the ledger has a new entry."""

from http import HTTPStatus

import httpx
from pydantic import ValidationError

from retrainer.contracts import ModelStatus
from retrainer.errors import ConfigurationError, ModelServerError

_TIMEOUT = httpx.Timeout(5, connect=2)

_HINT = "Start it with `retrainer serve`, or set serving_uri to `none` where there is no model server."


class ModelServer:
    """The model server at `url`. `admin_key` is sent where it is not empty; no message holds it, nor a password in the
    URL.

    Raises:
        ConfigurationError: `url` is no address of a server.
    """

    def __init__(self, url: str, admin_key: str = "") -> None:
        self._url = _parsed(url)
        self._headers = {"authorization": f"Bearer {admin_key}"} if admin_key else {}

    @property
    def name(self) -> str:
        """The server in a message."""
        return f"the model server at {self._url.copy_with(userinfo=b'')}"

    def status(self, model: str) -> ModelStatus | None:
        """What the server says of `model`; None where it does not serve it.

        Raises:
            ModelServerError: it does not answer, or not as a model server would.
            ConfigurationError: it does not accept the key.
        """
        response = self._ask("GET", f"/v1/models/{model}")
        if response.status_code == HTTPStatus.NOT_FOUND:
            return None
        try:
            return ModelStatus.model_validate_json(response.content)
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            field = ".".join(map(str, problem["loc"]))
            raise ModelServerError(
                f"{self.name} does not answer as one of this version: {field or 'its status'}: {problem['msg']}"
            ) from error

    def refresh(self, model: str) -> None:
        """Have the server look at the ledger now, and not at its next turn.

        Raises:
            ModelServerError: it does not answer.
            ConfigurationError: it does not accept the key.
        """
        self._ask("POST", f"/v1/models/{model}/refresh")

    def metrics(self) -> str:
        """What the server counts, in Prometheus' text format.

        Raises:
            ModelServerError: it does not answer.
            ConfigurationError: it does not accept the key.
        """
        response = self._ask("GET", "/metrics")
        if response.status_code == HTTPStatus.NOT_FOUND:
            raise ModelServerError(f"{self.name} has no metrics")
        return response.text

    def _ask(self, method: str, path: str) -> httpx.Response:
        # Without proxies and settings of the environment: this is a server of our own.
        try:
            with httpx.Client(base_url=self._url, headers=self._headers, timeout=_TIMEOUT, trust_env=False) as client:
                response = client.request(method, path)
        except httpx.HTTPError as error:
            cause = str(error) or type(error).__name__
            raise ModelServerError(f"{self.name} does not answer: {cause}", hint=_HINT) from error
        if response.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise ConfigurationError(
                f"{self.name} does not accept the admin key: it answers {response.status_code}",
                hint="Make one with `retrainer keys new admin`, and set RETRAINER_SERVING_ADMIN_KEY to it.",
            )
        if not response.is_success and response.status_code != HTTPStatus.NOT_FOUND:
            raise ModelServerError(f"{self.name} answers {response.status_code} to {method} {path}")
        return response


def _parsed(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url.rstrip("/"))
    except httpx.InvalidURL as error:
        raise ConfigurationError(f"serving_uri is no address: {error}") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ConfigurationError(
            f"serving_uri must be `none` or an http or https address, got one with scheme {parsed.scheme!r} and host "
            f"{parsed.host!r}"
        )
    return parsed
