"""What is asked before a deployment, and when nothing is asked. In a task's process; not imported by a parse."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from airflow.sdk import Context

from retrainer.airflow.markdown import cell, links, table
from retrainer.config.declaration import ModelConfig
from retrainer.config.load import load_declaration
from retrainer.contracts import Contract, Decision, Gate, Registration
from retrainer.errors import ConfigurationError

ContractType = TypeVar("ContractType", bound=Contract)


@dataclass(frozen=True)
class Question:
    """A headline, and Markdown with all that is needed to answer it."""

    subject: str
    body: str


def reason_not_to_ask(context: Context, declaration: Path) -> str:
    """Why no person is asked about this run; empty where one is.

    Raises:
        ConfigurationError: the declaration is wrong, or compare left no decision.
    """
    config = load_declaration(declaration)
    if not _decision(context).promote:
        return "not asked: the challenger is not to be promoted"
    if context["dag_run"].run_type == "backfill":
        return "backfilled runs do not deploy a model that needs approval"
    if not config.deployment.automatic:
        return "not asked: deployment.automatic is false, so that nothing would be deployed"
    return ""


def question(context: Context, declaration: Path) -> Question:
    """Whether the version that register made is to be deployed.

    Raises:
        ConfigurationError: the declaration is wrong, or compare or register left no result.
    """
    config, decision = load_declaration(declaration), _decision(context)
    registration = _result(context, "register", Registration)
    parts = (
        cell(decision.reason),
        _values(decision, registration.version),
        _gates(decision.gates),
        _links(decision, registration),
        _unanswered(config),
    )
    return Question(f"Deploy {config.name} v{registration.version}?", "\n\n".join(part for part in parts if part))


def _values(decision: Decision, version: int) -> str:
    reference = decision.reference
    if decision.champion_version is not None:
        reference += f" v{decision.champion_version}"
    rows = (
        (
            f"challenger v{version}",
            _number(decision.challenger_value),
            _interval(decision.challenger_low, decision.challenger_high),
        ),
        (reference, _number(decision.reference_value), ""),
        ("difference", _number(decision.difference, sign=True), _interval(decision.low, decision.high, sign=True)),
    )
    counted = f"On the same {decision.rows} rows in {decision.blocks} blocks."
    return table(("model", decision.metric, f"interval at {decision.confidence:.0%}"), rows) + f"\n\n{counted}"


def _gates(gates: tuple[Gate, ...]) -> str:
    lines = ((gate.name, "passed" if gate.passed else "failed", gate.message) for gate in gates)
    return table(("gate", "", "in words"), lines) if gates else ""


def _links(decision: Decision, registration: Registration) -> str:
    return links(
        {
            "Evaluation report": decision.report_url,
            f"Version {registration.version} in MLflow": registration.version_url,
        }
    )


def _unanswered(config: ModelConfig) -> str:
    hours = config.deployment.approval_timeout_hours
    return f"Without an answer within {hours:g} h it is rejected; what is in production stays there."


def _number(value: float | None, *, sign: bool = False) -> str:
    if value is None:
        return "not known"
    return f"{value:+.4f}" if sign else f"{value:.4f}"


def _interval(low: float | None, high: float | None, *, sign: bool = False) -> str:
    return "" if low is None or high is None else f"{_number(low, sign=sign)} to {_number(high, sign=sign)}"


def _decision(context: Context) -> Decision:
    return _result(context, "compare", Decision)


def _result(context: Context, task_id: str, kind: type[ContractType]) -> ContractType:
    found = context["ti"].xcom_pull(task_ids=task_id)
    if found is None:
        raise ConfigurationError(
            f"approve needs the result of {task_id}, and it left none", hint=f"Clear the run from {task_id} on."
        )
    return kind.model_validate(found)
