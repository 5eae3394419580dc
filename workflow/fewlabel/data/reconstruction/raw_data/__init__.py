"""Files of radial k-space and coil images.

May import data/formats, config and utils.
"""
