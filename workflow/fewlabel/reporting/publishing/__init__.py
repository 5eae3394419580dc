"""Publish, join, compare and pseudonymise studies; model cards.

May import every other folder of reporting and everything below it.
"""
