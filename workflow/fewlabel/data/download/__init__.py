"""Downloads of archives: resumed, verified and unpacked.

May import config and utils.
"""
