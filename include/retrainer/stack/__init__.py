"""The local stack: Airflow, MLflow and the step host, started, watched and stopped together.

`local` is what callers use (`running_stack`, `stop_stack`); `environment` says how Airflow is configured;
`guard` and `supervisor` are the two processes that keep the services running and leave none behind.
"""
