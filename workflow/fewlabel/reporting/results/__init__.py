"""Readers of a study's result files, and checks that these are complete and unchanged.

May import inference and everything below it.
"""
