"""A small SQL database: the truth about releases, and what monitoring measured, decided, and has to tell.

Releases are an append-only sequence for each model.
"""

from retrainer.ledger.book import Ledger
from retrainer.ledger.episodes import Episodes
from retrainer.ledger.history import History
from retrainer.ledger.outbox import Outbox

__all__ = ["Episodes", "History", "Ledger", "Outbox"]
