"""The network, its objectives, and the one training loop.

May import data and everything below it.
"""
