"""The files of radial acquisitions, from k-space to the image of a subject.

May import data/reconstruction, data/subjects, config and utils.
"""
