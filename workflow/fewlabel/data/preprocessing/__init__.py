"""From a volume on its native grid to slices on the working grid, and back.

May import data/formats, config and utils.
"""
