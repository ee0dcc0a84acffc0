"""Whether Airflow's job of this container has been heard of lately: health_job.py SchedulerJob

As `airflow jobs check --local`, in a tenth of the time: Airflow itself is not imported.
"""

import os
import socket
import sys
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

AGE = timedelta(seconds=60)
"""Of the last heartbeat; there is one every five seconds."""

url = os.environ.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN") or f"sqlite:///{os.environ['AIRFLOW_HOME']}/airflow.db"
job = sa.table(
    "job",
    sa.column("job_type"),
    sa.column("state"),
    sa.column("hostname"),
    sa.column("latest_heartbeat", sa.DateTime(timezone=True)),
)
with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
    beats = sa.select(sa.func.count()).where(
        job.c.job_type == sys.argv[1],
        job.c.state == "running",
        job.c.hostname == socket.gethostname(),
        job.c.latest_heartbeat > datetime.now(UTC) - AGE,
    )
    sys.exit(connection.scalar(beats) == 0)
