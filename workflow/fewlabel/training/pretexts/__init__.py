"""Pretraining objectives: one file a pretext, of the same stem as its settings in config/pretexts.

May import data and everything below it, and the network.
"""
