"""Radial acquisitions: simulated, gridded, shared between echoes, fitted.

May import config and utils.
"""
