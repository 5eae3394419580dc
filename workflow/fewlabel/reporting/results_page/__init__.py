"""The results page (`index.html`) of a study, as run or as published.

May import explorer, tables, statistics, results and everything below reporting.
"""
