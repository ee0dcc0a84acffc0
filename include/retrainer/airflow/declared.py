"""All models that are declared: the DAGs of each good declaration, the mistakes of the others."""

import sys
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, get_args

from airflow.configuration import AIRFLOW_HOME
from airflow.sdk import DAG, get_parsing_context
from airflow.sdk.exceptions import AirflowException

from retrainer.airflow.maintenance_dag import build_maintenance_dag
from retrainer.airflow.monitor_dag import build_monitor_dag
from retrainer.airflow.online_dag import build_online_dag
from retrainer.airflow.parse_cache import ParseCache, signatures
from retrainer.airflow.plan import TrainPlan, plan_of
from retrainer.airflow.predictions_dag import build_predictions_dag
from retrainer.airflow.rebuild_dag import build_rebuild_dag
from retrainer.airflow.rollback_dag import build_rollback_dag
from retrainer.airflow.score_dag import build_score_dag
from retrainer.airflow.shadow_review_dag import build_shadow_review_dag
from retrainer.airflow.train_dag import build_train_dag

if TYPE_CHECKING:
    from retrainer.config.declaration import ModelConfig
    from retrainer.config.problem import Problem

_CACHE_FILE = "retrainer-declared.json"

Kind = Literal["train", "score", "monitor", "rollback", "rebuild", "online", "predictions", "shadow_review"]
"""A DAG of a model. Its id is <model>__<kind>. The last three are those of models that are served."""


class _Settings(TypedDict):
    project_root: Path
    slack_connection_id: str


@dataclass
class Declared:
    """The plans of the good declarations, in order of their models' names, and the mistakes of the others."""

    project_root: str = ""
    slack_connection_id: str = ""
    plans: list[TrainPlan] = field(default_factory=list)
    problems: "list[Problem]" = field(default_factory=list)
    packages: set[str] = field(default_factory=set)
    """Top-level packages of the models' own code."""

    def dags(self, kind: Kind, *, only: str | None = None) -> list[DAG]:
        """The DAGs of that kind; with `only`, just the one of that id. What Airflow refuses is that model's mistake."""
        build = _builder(kind)
        found: list[DAG] = []
        for plan in self.plans:
            if _has(plan, kind) and (only is None or f"{plan.model}__{kind}" == only):
                try:
                    found.append(build(plan, **self._settings()))
                except (AirflowException, ValueError, TypeError) as error:
                    self._refused(plan, error)
        return found

    def maintenance(self) -> DAG:
        """The DAG that does the housekeeping of all models whose declarations are good."""
        return build_maintenance_dag(self.plans, **self._settings())

    def check_dags(self) -> None:
        """Build every DAG, so that what only Airflow refuses is among the mistakes."""
        for kind in get_args(Kind):
            self.dags(kind)

    def raise_problems(self, *, of: str | None = None) -> None:
        """Raise all mistakes (with `of`: those of the model with that DAG or task) as one error, if there are any.

        Raises:
            DeclarationError: one line for each of the first ten: file, line, key, what is allowed, the nearest name.
        """
        problems = [each for each in self.problems if of is None or of.rpartition("__")[0] == each.path.stem]
        if problems:
            from retrainer.config.problem import DeclarationError

            raise DeclarationError(problems)

    def _settings(self) -> "_Settings":
        return {"project_root": Path(self.project_root), "slack_connection_id": self.slack_connection_id}

    def _refused(self, plan: TrainPlan, error: Exception) -> None:
        from retrainer.config.problem import Problem

        problem = Problem(Path(plan.declaration), 1, "", f"Airflow refuses this model: {error}")
        if problem not in self.problems:
            self.problems.append(problem)


def _builder(kind: Kind) -> Callable[..., DAG]:
    builders: dict[Kind, Callable[..., DAG]] = {
        "train": build_train_dag,
        "score": build_score_dag,
        "monitor": build_monitor_dag,
        "rollback": build_rollback_dag,
        "rebuild": build_rebuild_dag,
        "online": build_online_dag,
        "predictions": build_predictions_dag,
        "shadow_review": build_shadow_review_dag,
    }
    return builders[kind]


def _has(plan: TrainPlan, kind: Kind) -> bool:
    """Does the model have a DAG of that kind?"""
    if kind == "online":
        return plan.online_cron is not None
    if kind == "shadow_review":
        return plan.uses_shadow
    return plan.serves or kind != "predictions"


def declared_dags(kind: Kind, environ: Mapping[str, str], folder: Path) -> dict[str, DAG]:
    """The DAGs of that kind by id: the globals of a file in `folder`, the folder of the DAG files.

    A task's process parses the file again and needs one DAG of it: only that one is made there, and where it cannot be,
    the task's log says why. Anywhere else the mistakes are an import error of declarations.py.

    Raises:
        ConfigurationError: a setting is wrong.
        DeclarationError: in a task's process, the declaration of its model.
    """
    only = get_parsing_context().dag_id
    declared = read_declared(environ, folder)
    dags = declared.dags(kind, only=only)
    if only:
        declared.raise_problems(of=only)
    return {dag.dag_id: dag for dag in dags}


def read_declared(environ: Mapping[str, str], folder: Path) -> Declared:
    """What is declared in the project around `folder`: from the cache where nothing has changed since.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    cache = ParseCache(Path(AIRFLOW_HOME, _CACHE_FILE), _circumstances(environ, folder))
    kept = cache.read()
    if kept is not None:
        return _from_json(kept)
    from retrainer.config.runtime import find_project_root, load_settings

    settings = load_settings(environ, find_project_root(folder))
    files = [settings.project_root / "config" / "runtime.yaml", settings.models_dir, *_own_code()]
    watched = signatures(files)  # before they are read: what changes meanwhile is read again the next time
    declared = _read(settings.models_dir)
    declared.project_root = str(settings.project_root)
    declared.slack_connection_id = settings.slack_connection_id
    if not declared.problems:
        cache.write(_to_json(declared), watched=watched | signatures(map(Path, declared.packages)))
    return declared


def _read(models_dir: Path) -> Declared:
    from retrainer.config.load import find_declarations, load_declaration
    from retrainer.config.problem import DeclarationError, Problem

    declared = Declared()
    seen: dict[str, Path] = {}
    for path in find_declarations(models_dir):
        if path.stem in seen:
            message = f"model {path.stem!r} is also declared in {seen[path.stem].name}"
            declared.problems.append(Problem(path, 1, "", message))
            continue
        seen[path.stem] = path
        try:
            config = load_declaration(path)
        except DeclarationError as error:
            declared.problems += error.problems
        else:
            declared.plans.append(plan_of(config, str(path)))
            declared.packages |= _packages(config)
    return declared


def _packages(config: "ModelConfig") -> set[str]:
    """Where the top-level packages of the model's own code are."""
    names = {module.partition(".")[0] for module in (config.features.module, config.evaluation.baseline)}
    specs = [spec for spec in map(PathFinder.find_spec, names) if spec is not None]
    return {place for spec in specs for place in (spec.submodule_search_locations or [spec.origin or ""])}


def _circumstances(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """What a declaration's meaning depends on besides files: settings, where we are, what is installed."""
    settings = {name: value for name, value in environ.items() if name.startswith("RETRAINER_")}
    secrets = {name for name in settings if name.startswith("RETRAINER_CONN_")}
    installed = Path(sysconfig.get_path("purelib")).stat().st_mtime_ns
    return {
        **{name: value for name, value in settings.items() if name not in secrets},
        "folder": str(folder),
        "cwd": str(Path.cwd()),
        "python": sys.prefix,
        "installed": str(installed),
    }


def _own_code() -> list[Path]:
    package = Path(__file__).parents[1]
    return [package / "errors.py", *(package / name for name in ("airflow", "config", "contracts"))]


def _to_json(declared: Declared) -> dict[str, object]:
    return {
        "project_root": declared.project_root,
        "slack_connection_id": declared.slack_connection_id,
        "plans": [plan.to_json() for plan in declared.plans],
    }


def _from_json(kept: Mapping[str, Any]) -> Declared:
    plans = [TrainPlan(**plan) for plan in kept["plans"]]
    return Declared(kept["project_root"], kept["slack_connection_id"], plans)
