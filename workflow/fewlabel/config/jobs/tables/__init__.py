"""Settings of the jobs that write tables.

May import config/jobs, config and utils.
"""
