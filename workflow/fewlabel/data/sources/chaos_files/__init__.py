"""The files of CHAOS: archives, DICOM series, PNG masks and their order.

May import data/formats, data/subjects, data/download, config and utils.
"""
