"""Typed settings of an experiment and of each job. Does not import torch, since the workflow reads it.

May import utils.
"""
