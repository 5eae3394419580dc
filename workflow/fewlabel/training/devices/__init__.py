"""Devices of trainings: choice, GPU slots, memory.

May import data and everything below it.
"""
