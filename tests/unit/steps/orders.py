"""A model of its own, declared with its code, trained and registered once: what a rebuild starts from."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrainer.config.declaration import ModelConfig
from retrainer.config.runtime import RuntimeSettings, load_settings
from retrainer.contracts import Decision, Rebuild, StepRequest
from retrainer.registry import Version, Versions
from retrainer.steps import build_features, rebuild, register, snapshot, train, validate_data
from retrainer.steps.tracking import connect_tracking
from tests.factories import day, environment, make_config, make_request, small_source
from tests.mlflow_store import new_store

_FEATURES = "def row_features(columns):\n    return {'half': columns['amount'] / 2}\n"
NO_DECISION = Decision(
    promote=False, reason="test", metric="roc_auc", reference="baseline", rows=0, blocks=0, confidence=0.9
)


@dataclass
class Orders:
    """The small source, its model's code in a package of its own, and one version trained on it."""

    home: Path
    config: ModelConfig
    settings: RuntimeSettings

    @property
    def versions(self) -> Versions:
        return Versions(connect_tracking(self.settings), self.config.name)

    @property
    def version(self) -> Version:
        return self.versions.all()[0]

    def register(self, number: int = 17) -> Version:
        """Train and register the version of the run whose interval is day `number`."""
        inputs: dict[str, Any] = {"compare": NO_DECISION}
        steps = {"snapshot": snapshot, "validate_data": validate_data, "build_features": build_features,
                 "train": train, "register": register}  # fmt: skip
        for name, step in steps.items():
            request = make_request(name, self.config, interval=day(number), inputs=inputs)
            inputs[name] = step.run(StepRequest.from_json(request.to_json()), self.settings)
        version = self.versions.get(inputs["register"].version)
        assert version is not None
        return version

    def rebuild(self, number: int = 1) -> Rebuild:
        """By a request that knows nothing but model and version."""
        request = StepRequest(
            step="rebuild",
            model=self.config.name,
            config={},
            params={"version": number},
            interval=day(0),
            as_of=day(0).end,
            seed=0,
            run_id="test",
        )
        return rebuild.run(request, self.settings)

    def saved(self, name: str) -> Path:
        """The one saved file of that name."""
        (path,) = [path for path in self.home.rglob(name) if "mlruns" in path.parts]
        return path


def orders(home: Path, **changes: Any) -> Orders:
    for name, text in (("__init__", ""), ("features", _FEATURES), ("rule", "")):
        path = home / "code" / "orders_code" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (home / "requirements.lock").write_text("pandas==2")
    features = {
        "module": "orders_code.features",
        "windows": {"region_late": {"by": ["region"], "value": "label", "aggregate": "mean", "over": "5d"}},
        "numeric": ["amount", "half", "rates__rate", "region_late"],
    }
    estimator = {"type": "sklearn.ensemble.RandomForestClassifier", "parameters": {"n_estimators": 10}}
    declared = {
        "features": features,
        "estimator": estimator,
        "evaluation": {"baseline": "orders_code.rule"},
        "windows": {"training_days": 14},
    }
    source = home / "source.sqlite"
    if not source.exists():
        small_source(source, days=range(19))
    environ = environment(home, source) | {"RETRAINER_MLFLOW_URI": new_store(home / "mlflow.sqlite")}
    return Orders(home, make_config(**(declared | changes)), load_settings(environ, home))


def forget_code() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "orders_code"]:
        del sys.modules[name]
