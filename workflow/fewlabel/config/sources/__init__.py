"""Settings of sources of volumes: one file a source.

May import config/base and utils.
"""
