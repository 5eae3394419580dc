"""A trained network in the formats of other runtimes.

May import inference and everything below it.
"""
