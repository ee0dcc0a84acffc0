"""Monitoring that can be believed: what differs from what a version learned from, and whether that is ordinary."""
