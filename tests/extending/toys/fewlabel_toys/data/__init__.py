"""Implementations of sources; imported when a cohort is read."""
