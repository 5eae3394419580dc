"""Subjects of a cohort: pairs of image and mask, tables, checks, licences.

May import data/formats, config and utils.
"""
