"""What became of an entry of the ledger in the model server: as the result of a step, and in words."""

import logging

from retrainer.contracts import Entry, Release
from retrainer.deployment import Progress
from retrainer.deployment.server import ModelServer
from retrainer.errors import ConfigurationError, ModelServerError
from retrainer.ledger import Ledger
from retrainer.steps.release_server import Follower

log = logging.getLogger(__name__)

_PATIENCE_SECONDS = 30.0
"""How long a person waits for the server."""

_SERVED = {"served": True, "off": True, "superseded": None}


def told(entry: Entry, ledger: Ledger, server: ModelServer | None) -> Release:
    """The result of a person's `entry`, which stands whether the server follows now or later: it is told, and asked."""
    if server is None:
        return release_of(entry)
    try:
        if server.status(entry.model) is None:
            return release_of(entry)
        seen = Follower(server, ledger, patience_seconds=_PATIENCE_SECONDS, absence_seconds=0).carried_out(entry)
    except (ModelServerError, ConfigurationError) as error:
        note = f"{error.args[0]}. It follows the ledger by itself once it can"
        log.warning("%s", note)
        return release_of(entry).model_copy(update={"served": False, "note": note})
    return release_of(entry, seen, server.name)


def release_of(entry: Entry, seen: Progress | None = None, server: str = "") -> Release:
    """The result of a step that ended with `entry`, and with what the server made of it; None: nobody asked it."""
    kept = entry.model_dump(include=set(Release.model_fields))
    if seen is None:
        return Release(**kept)
    note = said(entry, seen, server)
    log.info("%s", note)
    return Release(**kept, served=_SERVED.get(seen.state, False), note=note)


def said(entry: Entry, seen: Progress, server: str) -> str:
    """What the server made of `entry`, in words."""
    match seen.state:
        case "served" if seen.served is None:
            return f"{server} has carried it out"
        case "served" if entry.action in ("split", "shadow"):
            return f"{server} has v{entry.version} on trial"
        case "served":
            return f"{server} answers with v{entry.champion_version}"
        case "off":
            return f"{server} answers with the rule: the model is switched off"
        case "superseded":
            return f"the ledger asks {server} for something else by now"
    return f"{server} does not serve v{entry.version}: {seen.reason}"
