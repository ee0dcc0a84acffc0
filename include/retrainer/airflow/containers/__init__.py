"""Steps in containers: of a Docker engine, or of a Kubernetes cluster. Imported where one runs, never in a parse.

Both runtimes have the two methods of `retrainer.runtimes.process.ProcessRuntime`: `run` and `cancel`.
"""
