"""Figures of the toy distribution."""
