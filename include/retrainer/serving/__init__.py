"""The model server: answers for the versions that the ledger says are in production, whatever else is down."""
