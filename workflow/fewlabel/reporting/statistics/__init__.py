"""Intervals, tests, and numbers of labels needed, from tables of scores.

May import inference and everything below it.
"""
