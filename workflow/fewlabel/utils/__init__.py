"""Helpers without knowledge of volumes, networks or studies.

Imports nothing of the other folders.
"""
