"""Statistics of tables of scores: intervals, tests, numbers of labels needed.

May import inference and everything below it.
"""
