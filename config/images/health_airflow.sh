#!/bin/sh
# Whether the component of Airflow that this container runs is well: health_airflow.sh [COMPONENT]
# Without an argument the component is the one that the container's first process names: in its command, or in its title.
component=${1:-$(tr '\0_ ' '\n-\n' </proc/1/cmdline | grep -m 1 -x -e api-server -e scheduler -e dag-processor -e triggerer -e worker)}
case $component in
api-server) exec python config/images/health.py "${AIRFLOW__API__PORT:-8080}" /api/v2/monitor/health ;;
scheduler) exec python config/images/health_job.py SchedulerJob ;;
dag-processor) exec python config/images/health_job.py DagProcessorJob ;;
triggerer) exec python config/images/health_job.py TriggererJob ;;
worker) exec python config/images/health_worker.py ;;
*) exec retrainer --version ;;
esac
