"""The Models page inside the Airflow UI: which version is in production, since when, and what was decided and why.

An application of its own in Airflow's API server, behind Airflow's login. It reads the ledger and writes nothing.
"""
