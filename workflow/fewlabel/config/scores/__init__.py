"""Scores of predicted masks: what each is called, its unit and range, and how tables show it.

May import config and utils.
"""
