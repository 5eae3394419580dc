"""Statistics, tables, figures and pages of a study, from its result files.

May import inference and everything below it.
"""
