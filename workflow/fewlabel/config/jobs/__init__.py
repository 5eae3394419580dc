"""Settings of each job: exactly what it depends on, as one canonical JSON text.

May import config and utils.
"""
