"""Experiment files: read, merged, validated, with errors that name file, line and key.

May import the rest of config, and utils.
"""
