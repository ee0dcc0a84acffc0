"""Which models have DAGs, as Airflow knows: its API server need not have the declarations."""

from airflow.models.dag import DagModel, DagTag
from airflow.utils.session import create_session

from retrainer.airflow.models_page.addresses import dag_id

_SUFFIX = dag_id("", "train")


def models_with_dags() -> frozenset[str]:
    """Dependency: the models whose training DAG Airflow has read, and which was there when it read last."""
    tags = [DagModel.tags.any(DagTag.name == tag) for tag in ("retrainer", "train")]
    with create_session() as session:
        found = session.query(DagModel.dag_id).where(~DagModel.is_stale, *tags).all()
    return frozenset(name.removesuffix(_SUFFIX) for (name,) in found if name.endswith(_SUFFIX))
