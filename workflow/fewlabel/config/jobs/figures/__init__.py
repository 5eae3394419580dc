"""Settings of the jobs that draw figures and write tables.

May import config/jobs, config and utils.
"""
