"""The files of a Decathlon task: its `dataset.json` and what contradicts it.

May import data/subjects, config and utils.
"""
