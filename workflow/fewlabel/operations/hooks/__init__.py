"""What the Snakefile, its rules and the profiles import.

May import reporting and everything below it; nothing slow, since every job of the workflow reads its rules.
"""
