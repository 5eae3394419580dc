"""Specifications: imported with the settings of every study, so they import nothing slow."""
