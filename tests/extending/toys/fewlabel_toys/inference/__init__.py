"""Scores of the toy distribution."""
