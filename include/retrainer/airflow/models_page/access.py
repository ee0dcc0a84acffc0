"""Who may see what: Airflow's own users and permissions."""

from collections.abc import Callable, Iterable

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.models.dag import DagModel

from retrainer.airflow.models_page.addresses import dag_id

Visible = Callable[[Iterable[str]], set[str]]
"""Those of the given models that the user may see."""

may_read_dags = requires_access_dag("GET")
"""Dependency: somebody who is logged in (otherwise 401) and may read DAGs (otherwise 403)."""


def visible_models(user: GetUserDep) -> Visible:
    """Dependency: a user sees the models whose training DAG that user may read."""

    def visible(models: Iterable[str]) -> set[str]:
        dags = {dag_id(model, "train"): model for model in models}
        teams = DagModel.get_dag_id_to_team_name_mapping(list(dags))
        manager = get_auth_manager()
        return {
            model
            for dag, model in dags.items()
            if manager.is_authorized_dag(method="GET", details=DagDetails(dag, teams.get(dag)), user=user)
        }

    return visible
