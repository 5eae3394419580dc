"""The interactive page (explorer) of a study.

May import figures, tables, statistics, results and everything below reporting.
"""
