"""Preprocessing: from volumes on native grids to slices on the working grid, and back.

May import data/formats, config and utils.
"""
