"""The progress of a study while it runs, read from its files alone.

May import reporting and everything below it.
"""
