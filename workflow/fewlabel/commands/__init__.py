"""The command line: one sub-command a rule of the workflow, each usable by hand.

Libraries that take long to import are imported by the commands that need them.
"""
