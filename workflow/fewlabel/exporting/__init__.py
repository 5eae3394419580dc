"""A trained network in formats of other runtimes."""
