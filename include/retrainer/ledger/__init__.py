"""The truth about releases: an append-only sequence for each model, in a small SQL database."""

from retrainer.ledger.book import Ledger

__all__ = ["Ledger"]
