"""Readers of file formats of volumes.

May import config and utils, and the volume of data/preprocessing.
"""
