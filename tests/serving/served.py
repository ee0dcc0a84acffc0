"""Versions to serve, made from one that was really trained, in a real registry and a real ledger; and a real server."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from retrainer.columns import columns_of
from retrainer.config.declaration import ModelConfig
from retrainer.config.serving import ServiceLevel, Serving
from retrainer.contracts import Action, ModelStatus, NewEntry, ServingRuntime
from retrainer.deployment import standings
from retrainer.ledger import Ledger
from retrainer.registry import DIGEST, RUNTIME, RUNTIME_NOTE, Versions
from retrainer.saved import digest_files, load_saved, read_facts, read_sample
from retrainer.serving.supply.describe import record_fields, sample_of
from retrainer.steps.tracking import connect_tracking
from tests.released import Releases, as_of

Edit = Callable[[Path], None]
FEATURES = Path("code", "models", "flight_delay", "features.py")
RULE = Path("code", "models", "flight_delay", "rule.py")
SECONDS = 120.0
"""For what takes a few seconds on a machine that has nothing else to do."""


def unchanged(_: Path) -> None:
    """The version as it was trained."""


def warmer(degrees: float) -> Edit:
    """A version that answers otherwise: for it, it is so much warmer than it says."""

    def edit(folder: Path) -> None:
        after(folder, f'"weather__temp": columns["weather__temp"] + {degrees},')

    return edit


def after(folder: Path, line: str) -> None:
    """Have row_features make one more column, or replace one."""
    text = (folder / FEATURES).read_text()
    assert text.count("    return {\n") == 1
    (folder / FEATURES).write_text(text.replace("    return {\n", f"    return {{\n        {line}\n"))


def first(folder: Path, *lines: str, file: Path = FEATURES) -> None:
    """Have the module's one function begin with `lines`."""
    text = (folder / file).read_text()
    end = text.index('"""\n', text.index('"""', text.index("def ")) + 3) + 4
    (folder / file).write_text(text[:end] + "".join(f"    {line}\n" for line in lines) + text[end:])


@dataclass
class Served:
    """A model of a test's own: its versions in the shared registry, its ledger and a server's home in `folder`."""

    releases: Releases
    folder: Path
    serving: Serving = field(default_factory=lambda: Serving(level=ServiceLevel(p95_ms=60_000)))
    """No version is too slow for a machine that is busy with tests."""
    canonical: tuple[Mapping[str, Any], ...] = ()
    ledger_name: str = "ledger"
    answers: dict[int, list[float]] = field(default_factory=dict)
    """By version, what it says of its sample."""

    @property
    def model(self) -> str:
        return self.releases.model

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def ledger_url(self) -> str:
        return f"sqlite:///{self.folder / self.ledger_name}.sqlite"

    @property
    def environ(self) -> dict[str, str]:
        world = self.releases.world.environ
        return world | {"RETRAINER_HOME": str(self.home), "RETRAINER_LEDGER_URL": self.ledger_url}

    @property
    def ledger(self) -> Ledger:
        return Ledger.open(self.ledger_url)

    def version(
        self,
        edit: Edit = unchanged,
        *,
        honest: bool = True,
        declared: bool = True,
        runtime: ServingRuntime = "onnx",
        **serving: Any,
    ) -> int:
        """Register a version whose files `edit` has changed; `honest`: its recorded answers are those that it gives.

        `serving` are keys of that section of its declaration, which it has if `declared`.
        """
        artifacts = self.folder / "artifacts" / self.model
        folder = artifacts / str(len(list(artifacts.glob("*"))) + 1)
        trained = self.releases.trained
        with self.releases.files() as files:
            shutil.copytree(files, folder, ignore=shutil.ignore_patterns("__pycache__"))
        self._declare(folder, self.serving.model_dump(mode="json") | serving if declared else None)
        edit(folder)
        if honest:
            _record_answers(folder)
        versions = Versions(connect_tracking(self.releases.world.settings), self.model)
        versions.ensure_model("a test's")
        digest = digest_files(folder)
        registered = versions.register(
            source=str(folder),
            run_id=trained.run_id,
            identity=f"{self.model} {folder.name}",
            tags={DIGEST: digest, RUNTIME: runtime, RUNTIME_NOTE: f"a test says {runtime}"},
            description="",
        )
        self.answers[registered.version] = np.load(folder / "extra_files" / "sample_outputs.npy").tolist()
        return registered.version

    def _declare(self, folder: Path, serving: Mapping[str, Any] | None) -> None:
        file = folder / "extra_files" / "retrainer.json"
        facts = json.loads(file.read_text())
        facts["declaration"]["serving"] = serving
        facts["declaration"]["gates"]["canonical"] = [dict(case) for case in self.canonical]
        facts["canonical"] = facts["declaration"]["gates"]["canonical"]
        file.write_text(json.dumps(facts))

    def append(self, action: Action, version: int, **evidence: Any) -> int:
        """An entry of the ledger as a step would write it; its number."""
        ledger = self.ledger
        entries = ledger.entries(self.model)
        *_, now = standings(entries)
        then = now.then(action, version, as_of=as_of(1), percent=evidence.get("percent", 0))
        entry = NewEntry(
            model=self.model,
            action=action,
            version=version,
            previous_version=then.previous,
            champion_version=then.champion,
            as_of=as_of(1),
            identity=f"{action} {version} after {now.sequence}",
            actor="a test",
            reason=f"{action} v{version}",
            evidence={"report_url": f"mlflow/report/{version}", **evidence},
        )
        return ledger.append(entry, after=now.sequence).sequence

    def promote(self, version: int, server: "Server") -> ModelStatus:
        """Promote it; what the server says once that is carried out or refused."""
        sequence = self.append("promote", version)
        server.refresh(self.model)
        return server.carried_out(self.model, sequence)

    def records(self, count: int = 3) -> list[dict[str, Any]]:
        """The first records of the sample that the trained model comes with."""
        with self.releases.files() as files:
            inputs, outputs = read_sample(files)
            fields = record_fields(ModelConfig.model_validate(read_facts(files).declaration), columns_of(inputs))
            return list(sample_of(fields, columns_of(inputs), outputs).records[:count])


def _record_answers(folder: Path) -> None:
    """Write down what the edited model says of its sample, as training does."""
    from retrainer.evaluation import predictions_of

    loaded = load_saved(folder)
    np.save(folder / "extra_files" / "sample_outputs.npy", predictions_of(loaded.pipeline, loaded.sample_inputs).output)


@dataclass
class Server:
    """A running `retrainer serve`."""

    process: subprocess.Popen[bytes]
    url: str
    log_file: Path
    started_seconds: float

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, trust_env=False, verify=False, timeout=10, **options)  # no TLS to set up

    def status(self, model: str) -> ModelStatus | None:
        """What it says of a model; None where it does not know it."""
        with self.client() as client:
            answer = client.get(f"/v1/models/{model}")
        return ModelStatus.model_validate_json(answer.content) if answer.status_code == 200 else None

    def carried_out(self, model: str, sequence: int, *, seconds: float = SECONDS) -> ModelStatus:
        """Wait until it has carried out, or refused, an entry of the ledger."""
        return self.wait(lambda: (now := self.status(model)) and now.sequence >= sequence and now, seconds=seconds)

    def refresh(self, model: str) -> None:
        with self.client() as client:
            assert client.post(f"/v1/models/{model}/refresh").status_code == 202

    def predict(self, model: str, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        with self.client() as client:
            answer = client.post(f"/v1/models/{model}/predict", json={"records": records})
        assert answer.status_code == 200, answer.text
        return answer.json()["predictions"]

    def wait(self, question: Callable[[], Any], *, seconds: float = SECONDS) -> Any:
        """What `question` says as soon as that is true."""
        deadline = time.monotonic() + seconds
        while not (found := question()):
            assert self.process.poll() is None, f"the server ended with {self.process.returncode}:\n{self.log}"
            assert time.monotonic() < deadline, f"not within {seconds} s; the server's log:\n{self.log}"
            time.sleep(0.02)
        return found

    def supply_pid(self) -> int | None:
        """Process id of its child; None while there is none."""
        import psutil

        children = psutil.Process(self.process.pid).children()
        return children[0].pid if children else None

    def stop(self) -> int:
        """End it as a supervisor does; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@contextmanager
def running_server(served: Served, *arguments: str, **environ: str) -> Iterator[Server]:
    """A server on a port that the system chooses, from its first answer on until the end of the block."""
    served.home.mkdir(exist_ok=True)
    log_file = served.home / f"server-{time.monotonic_ns()}.log"
    environment = {"PATH": os.environ["PATH"], "HOME": str(served.home), **served.environ, **environ}
    command = [sys.executable, "-m", "retrainer.cli.main", "serve", "--port", "0", *arguments]
    started = time.monotonic()
    with log_file.open("wb") as log:
        process = subprocess.Popen(command, env=environment, cwd=served.home, stderr=log, stdout=log)
    server = Server(process, "", log_file, 0.0)
    try:
        match = server.wait(lambda: re.search(r"listening on (http://\S+)", server.log))
        server.url = match.group(1)
        server.wait(lambda: _answers(server))
        server.started_seconds = time.monotonic() - started
        yield server
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def _answers(server: Server) -> bool:
    try:
        return httpx.get(f"{server.url}/health/live", trust_env=False, timeout=1, verify=False).status_code == 200
    except httpx.TransportError:
        return False
