"""`sample_feed` plays the upstream system of the example: lands days of real flights, well-behaved or not."""

import os
from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, task

from retrainer.airflow.assets import table_asset
from retrainer.airflow.notifiers.failure import FailureAlert
from retrainer.airflow.sample import CONNECTION, TABLE, feed_params, land_days, rename
from retrainer.config.runtime import find_project_root, load_settings

_settings = load_settings(os.environ, find_project_root(Path(__file__).parent))
_flights = table_asset(CONNECTION, TABLE)

with DAG(
    "sample_feed",
    description="Lands days of the flights of 2013 in the example's source database.",
    doc_md="""### sample_feed: the upstream system of the example

**Owner:** flight-operations. **Schedule:** none: *Trigger* it. From and To say which days of 2013 land; landing a day
again replaces it. Announce starts the training of every model that learns from this table.

**When a task fails:** read its error, correct the form, trigger it again. A run of this DAG can always be cleared.
""",
    schedule=None,
    max_active_runs=1,
    tags={"retrainer", "example"},
    params=feed_params(),
    default_args={
        "owner": "flight-operations",
        "retries": 1,
        "retry_delay": timedelta(seconds=5),
        "execution_timeout": timedelta(minutes=10),
        "on_failure_callback": FailureAlert(_settings.slack_connection_id),
    },
):
    root = str(_settings.project_root)

    @task.short_circuit
    def is_announced(params, as_of):
        """Is anybody to be told? If not, announce is skipped and no event is emitted."""
        return bool(params["announce"] and as_of)

    @task(outlets=[_flights])
    def announce(outlet_events, as_of):
        """Tell the models that learn from this table up to when it has landed."""
        outlet_events[_flights].extra = {"as_of": as_of}

    landed = task(task_id="land")(land_days)(root=root)
    landed >> task(task_id="rename")(rename)(root=root) >> is_announced(as_of=landed) >> announce(as_of=landed)
