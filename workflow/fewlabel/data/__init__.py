"""From volumes to slices, and who is trained and tested on.

May import config and utils.
"""
