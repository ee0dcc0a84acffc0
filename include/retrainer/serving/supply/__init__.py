"""The supply: the child process of the server that follows the ledger and brings it verified copies of versions.

It alone imports MLflow and SQLAlchemy, and it alone waits for them: when they are down, or when it dies, the server
goes on with what it has.
"""
