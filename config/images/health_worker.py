"""Whether the Celery worker of this container answers. Airflow itself is not imported: that would take seconds."""

import os
import socket
import sys

from celery import Celery

app = Celery(broker=os.environ["AIRFLOW__CELERY__BROKER_URL"])
answers = app.control.ping(destination=[f"celery@{socket.gethostname()}"], timeout=5)
sys.exit(not answers)
