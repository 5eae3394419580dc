"""Tables of a study, and their four forms: CSV, Markdown, LaTeX, HTML.

May import statistics, results and everything below reporting.
"""
