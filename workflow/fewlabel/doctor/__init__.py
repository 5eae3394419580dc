"""Is this machine fit to run a study? Collectors ask the machine; checks are pure functions of what they brought."""
