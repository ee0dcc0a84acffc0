"""Sensors: waiting for data without holding a worker."""
