"""Notifiers: telling people, without getting in the way of the run."""
