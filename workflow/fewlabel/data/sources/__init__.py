"""Sources of volumes: one file a source, of the same stem as its settings in config/sources.

May import every other folder of data, config and utils.
"""
