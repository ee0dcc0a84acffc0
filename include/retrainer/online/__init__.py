"""Online tables: what is known now of look-ups and windows, kept by the pipeline and read by the model server.

The server needs only what is exported here, which is light. Writing them is in `publish`.
"""

from retrainer.online.definition import definitions, key_columns
from retrainer.online.place import online_folder, online_uri
from retrainer.online.tables import Online, OnlineTables

__all__ = ["Online", "OnlineTables", "definitions", "key_columns", "online_folder", "online_uri"]
