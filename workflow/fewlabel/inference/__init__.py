"""A trained network at work: prediction, evaluation, metrics.

May import training and everything below it.
"""
