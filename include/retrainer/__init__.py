"""Continuous training on Apache Airflow: declare a model in YAML, and only proven challengers replace the champion."""

__version__ = "0.1.0"
