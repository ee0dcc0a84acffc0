"""MLflow stores for tests: MLflow makes its tables once in a process, which takes seconds, and each test has a copy."""

import tempfile
from functools import cache
from pathlib import Path


def new_store(path: Path) -> str:
    """A SQLite store of MLflow at `path`, as MLflow makes it; left as it is where there is one. Its URI."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_empty())
    return f"sqlite:///{path}"


@cache
def _empty() -> bytes:
    from mlflow import MlflowClient  # seconds: not for tests that need none of it

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mlflow.sqlite"
        uri = f"sqlite:///{path}"
        client = MlflowClient(uri, registry_uri=uri)  # else the registry is the one that was connected to last
        client.search_experiments()
        client.search_registered_models()
        return path.read_bytes()
