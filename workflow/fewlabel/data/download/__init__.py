"""Archives: downloaded with resumption, checked, unpacked.

May import config and utils.
"""
