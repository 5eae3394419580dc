"""Measurements: FewLabel against what users would pick instead, its parts, and how its cost grows. See README.md."""
