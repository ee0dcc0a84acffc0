"""Where batch predictions lie."""


def scored_uri(data_uri: str, model: str) -> str:
    """URI of the Delta table of a model's batch predictions, one partition per interval."""
    return "/".join((data_uri.rstrip("/"), model, "scored"))
