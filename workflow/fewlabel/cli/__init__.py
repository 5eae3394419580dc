"""The command line: one file a stage of the workflow, each command usable by hand.

May import every other folder, inside its commands, so that `fewlabel --help` stays fast.
"""
