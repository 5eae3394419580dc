"""Use of trained networks: prediction, evaluation, metrics, export.

May import training and everything below it.
"""
