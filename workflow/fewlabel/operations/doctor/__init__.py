"""Checks of a machine, its software, its cluster and the data of an experiment, before a study runs.

Collectors ask the machine; checks are pure functions of that. May import planning and everything below it.
"""
