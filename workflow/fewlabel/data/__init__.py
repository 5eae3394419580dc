"""Subjects, volumes and slices: reading, checks, preprocessing, splits.

May import config and utils.
"""
