"""Synthetic volumes with masks.

May import data/reconstruction, config and utils.
"""
