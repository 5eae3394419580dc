"""Radial multi-coil fast spin echo: from k-space to images without streaks.

May import config and utils.
"""
