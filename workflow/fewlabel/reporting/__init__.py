"""Statistics, figures and tables, from tables alone."""
