"""Streaks of radial images, removed by what the coils know of their source.

May import data/reconstruction/radial, config and utils.
"""
