"""General helpers: errors, files, locks, progress and the environment.

Imports no other folder.
"""
