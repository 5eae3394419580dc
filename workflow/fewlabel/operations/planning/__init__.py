"""The cost of a study before it runs: jobs, hours, memory, disk.

May import reporting and everything below it.
"""
