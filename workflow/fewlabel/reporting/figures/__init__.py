"""Figures that are drawn from tables alone: no volumes, no weights, no GPU.

May import statistics, results, tables and everything below reporting.
"""
