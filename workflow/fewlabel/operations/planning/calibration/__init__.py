"""Measured times of this machine, from which plans are computed, and the table shipped for other machines.

May import reporting and everything below it.
"""
