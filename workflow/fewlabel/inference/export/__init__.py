"""Export of trained networks to the formats of other runtimes.

May import inference and everything below it.
"""
