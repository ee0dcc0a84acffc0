"""All models that are declared: a DAG for each good declaration, the mistakes of the others."""

from dataclasses import dataclass, field
from pathlib import Path

from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowException

from retrainer.airflow.train_dag import build_train_dag, train_dag_id
from retrainer.config.load import find_declarations, load_declaration
from retrainer.config.problem import DeclarationError, Problem
from retrainer.config.runtime import RuntimeSettings


@dataclass
class Declared:
    """DAGs in order of their model's name, and what is wrong with the declarations that have none."""

    dags: list[DAG] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def raise_problems(self) -> None:
        """Raise all mistakes as one error, if there are any.

        Raises:
            DeclarationError: one line for each of the first ten: file, line, key, what is allowed, the nearest name.
        """
        if self.problems:
            raise DeclarationError(self.problems)


def train_dags(settings: RuntimeSettings, *, only: str | None = None) -> Declared:
    """The DAG of every model under settings.models_dir; with `only`, just the one of that id, if it is among them."""
    declared = Declared()
    seen: dict[str, Path] = {}
    for path in find_declarations(settings.models_dir):
        dag_id = train_dag_id(path.stem)
        if only is not None and dag_id != only:
            continue
        if path.stem in seen:
            message = f"model {path.stem!r} is also declared in {seen[path.stem].name}"
            declared.problems.append(Problem(path, 1, "", message))
            continue
        seen[path.stem] = path
        _add(declared, path, settings)
    return declared


def _add(declared: Declared, path: Path, settings: RuntimeSettings) -> None:
    try:
        declared.dags.append(build_train_dag(load_declaration(path), path, settings))
    except DeclarationError as error:
        declared.problems += error.problems
    except (AirflowException, ValueError, TypeError) as error:  # such as a tag of over 100 characters
        declared.problems.append(Problem(path, 1, "", f"Airflow refuses this model: {error}"))
