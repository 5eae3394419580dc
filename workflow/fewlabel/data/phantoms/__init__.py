"""Synthetic volumes with masks, made by code.

May import data/reconstruction, config and utils.
"""
