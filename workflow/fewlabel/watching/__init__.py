"""What a study does while it runs, seen from its files alone."""
