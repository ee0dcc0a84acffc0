"""The third-party libraries that the step host imports once for all steps."""

LIBRARIES = (
    "numpy",
    "pandas",
    "pyarrow",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "duckdb",
    "duckdb_engine",
    "deltalake",
    "sqlalchemy",
    "sklearn.pipeline",
    "sklearn.compose",
    "sklearn.ensemble",
    "sklearn.preprocessing",
    "sklearn.linear_model",
    "sklearn.impute",
    "sklearn.metrics",
    "sklearn.model_selection",
    "great_expectations",
    "great_expectations.expectations",
    "mlflow",
    "mlflow.pyfunc",
    "mlflow.sklearn",
    "mlflow.data",
    "skops.io",
    "onnx",
    "skl2onnx",
    "optuna",
    "matplotlib.pyplot",
    "scipy.stats",
    "evidently",
    "evidently.presets",
)
"""Not Retrainer's own modules nor a model's: each step imports those afresh, as they are then. Nor onnxruntime, which
starts a thread."""

LOAD_ENVIRONMENT = {
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "_RJEM_MALLOC_CONF": "background_thread:false",
}
"""The jemalloc of pyarrow and that of deltalake start a thread at import, which forking would lose."""
