"""How look-ups and windows are defined, as digests: a version is not answered from tables of another definition."""

from retrainer.config.declaration import ModelConfig
from retrainer.contracts import digest_json

LOOKUP, WINDOW = "lookup", "window"


def definitions(config: ModelConfig) -> dict[str, str]:
    """The digest (16 hex digits) of the definition of each look-up and window, by `lookup-<name>` or `window-<name>`.

    It has what decides which row counts when. Which columns are brought over does not matter: each is by itself.
    """
    source = config.source
    declared = config.model_dump(mode="json", include={"schedule", "features", "source"})
    tables, features = declared["source"]["tables"], declared["features"]
    rows = tables[source.rows]
    found: dict[str, str] = {}
    for name, lookup in features["lookups"].items():
        table = tables[lookup["table"]]
        found[f"{LOOKUP}-{name}"] = _digest(
            [{**lookup, "columns": []}, table["name"] or lookup["table"], table["event_time"], rows["event_time"]]
        )
    for name, window in features["windows"].items():
        schedule = [declared["schedule"]["cron"], declared["schedule"]["timezone"]]
        label = declared["source"]["label"] if window["value"] == "label" else None
        found[f"{WINDOW}-{name}"] = _digest([window, schedule, label, rows["name"] or source.rows, rows["event_time"]])
    return found


def key_columns(config: ModelConfig) -> tuple[str, ...]:
    """The columns of the row table that a record must have for its values to be looked up, each once."""
    by = [lookup.by for lookup in config.features.lookups.values()]
    by += [window.by for window in config.features.windows.values()]
    if not by:
        return ()
    event_time = config.source.tables[config.source.rows].event_time
    return tuple(dict.fromkeys([event_time, *(column for columns in by for column in columns)]))


def _digest(of: list[object]) -> str:
    return digest_json(of)[:16]  # type: ignore[arg-type]
