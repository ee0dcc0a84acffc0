"""Triggers: what runs in the triggerer while a sensor waits."""
