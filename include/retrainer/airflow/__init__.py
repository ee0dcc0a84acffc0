"""Retrainer inside Airflow: operators, sensors, triggers, notifiers, links and the DAGs built from declarations.

Nothing here imports an ML library, not even indirectly: the DAG processor and every task process import it.
"""
