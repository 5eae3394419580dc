"""The devices that trainings run on, and their memory.

May import data and everything below it.
"""
