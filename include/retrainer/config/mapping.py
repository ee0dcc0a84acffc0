"""Into how many tasks a step's work is divided where one machine is too small for it."""

from pydantic import Field

from retrainer.config.section import Section, Whole


class TaskMapping(Section):
    """Building features and scoring as mapped tasks, which run beside each other on the workers."""

    tasks: Whole = Field(default=1, ge=1, le=1000)
    """Into how many tasks the features of a run are divided at most, and so the rows of an interval that are scored. 1:
    each of both is one task. Airflow's max_map_length (1024) is above the largest number allowed."""
    rows_per_task: Whole = Field(default=1_000_000, ge=1)
    """Rows below which a part is not divided any further."""
