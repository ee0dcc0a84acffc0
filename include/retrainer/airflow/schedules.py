"""The schedule of DAGs that take things as they are when they run: they have no interval of their own."""

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable


def from_now_on(cron: str, *, timezone: str) -> CronTriggerTimetable:
    """Runs when `cron` says, and first when it says so next. Its DAG needs to have no start_date: with one, Airflow
    starts the last run of the past at once.

    Zero, since Airflow 3.3 reads False as None: the last run of the past is started if no more than a tenth of the time
    between two runs has gone by since it was due. Of a week that is most of a day.
    """
    return CronTriggerTimetable(cron, timezone=timezone, run_immediately=timedelta(0))
