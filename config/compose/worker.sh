#!/bin/sh
# A Celery worker, with the warm step host from which it forks its steps; without the host, a step is a plain process.
set -eu

rm -rf /tmp/retrainer-* # what steps left there that were killed together with their worker
mkdir -m 700 "$RETRAINER_HOME/run"
# Should it end, it is started again after a moment.
while :; do
    retrainer step-host || true
    sleep 5
done &
exec airflow celery worker --skip-serve-logs
