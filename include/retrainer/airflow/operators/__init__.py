"""Operators: one for every step of the pipeline."""
