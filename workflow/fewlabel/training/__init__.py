"""Network, objectives and training loop.

May import data and everything below it.
"""
