"""The slice store, and caches of prepared subjects and reconstructed volumes.

May import data/preprocessing, config and utils.
"""
