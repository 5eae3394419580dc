"""Figures that show volumes, masks and networks.

May import figures, tables, results and everything below reporting.
"""
