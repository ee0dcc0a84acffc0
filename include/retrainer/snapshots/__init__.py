"""Snapshots: the rows that a run uses, in Delta tables with one partition per interval, pinned by version."""

from retrainer.snapshots.changed import Partitions, replace_changed
from retrainer.snapshots.connection import connect
from retrainer.snapshots.delta import (
    laid_out,
    last_change,
    open_view,
    partition_counts,
    pin,
    pinned_counts,
    pinned_schema,
)
from retrainer.snapshots.pinned import read_again
from retrainer.snapshots.place import DataPlace, file_names, read_file, write_file
from retrainer.snapshots.publish import Rows, publish, published_counts
from retrainer.snapshots.quarantine import release, set_aside
from retrainer.snapshots.replace import replace_partitions
from retrainer.snapshots.staging import Staged, sql_types, stage, view_staged
from retrainer.snapshots.vacuum import remove_staging, vacuum, vacuum_model
from retrainer.snapshots.windows import reach, required_intervals, table_window, windows_intervals

__all__ = [
    "DataPlace",
    "Partitions",
    "Rows",
    "Staged",
    "connect",
    "file_names",
    "laid_out",
    "last_change",
    "open_view",
    "partition_counts",
    "pin",
    "pinned_counts",
    "pinned_schema",
    "publish",
    "published_counts",
    "reach",
    "read_again",
    "read_file",
    "release",
    "remove_staging",
    "replace_changed",
    "replace_partitions",
    "required_intervals",
    "set_aside",
    "sql_types",
    "stage",
    "table_window",
    "vacuum",
    "vacuum_model",
    "view_staged",
    "windows_intervals",
    "write_file",
]
