"""Trainings that survive kills, full disks and divergence.

May import data and everything below it.
"""
