"""Streaks of radial images, removed by what the coils tell of their source."""
