"""Published studies: copied, joined, compared, freed of personal data; and model cards.

May import every other folder of reporting and everything below it.
"""
