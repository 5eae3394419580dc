"""The record of a study as an RO-Crate.

May import every other folder of reporting and everything below it.
"""
