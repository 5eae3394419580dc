"""Read a study's results, and check that they are complete and unchanged.

May import inference and everything below it.
"""
