"""Migrations of the ledger's schema, run by `retrainer.ledger.migrate`."""
