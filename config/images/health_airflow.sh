#!/bin/sh
# Whether the component of Airflow that this container runs is well: each has a question of its own.
case " $(tr '\0' ' ' </proc/1/cmdline) " in
*" api-server "*) exec python /opt/retrainer/config/images/health.py "${AIRFLOW__API__PORT:-8080}" /api/v2/monitor/health ;;
*" scheduler "*) exec airflow jobs check --job-type SchedulerJob --local ;;
*" dag-processor "*) exec airflow jobs check --job-type DagProcessorJob --local ;;
*" triggerer "*) exec airflow jobs check --job-type TriggererJob --local ;;
*) exec retrainer --version ;;
esac
