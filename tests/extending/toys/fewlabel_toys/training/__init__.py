"""Implementations of pretexts; imported when one is trained."""
