"""Checkpoints, histories and records of trainings; recovery from kills, full disks and divergence.

May import data and everything below it.
"""
