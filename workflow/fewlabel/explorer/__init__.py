"""One self-contained page to explore a finished study: label curves, volumes, paired differences, facts, settings."""
