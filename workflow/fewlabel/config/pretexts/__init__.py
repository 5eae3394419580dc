"""Settings of pretexts: one file a pretext.

May import config/base, config/training and utils.
"""
