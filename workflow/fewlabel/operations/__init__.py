"""What happens around a study: planning, checks of the machine, watching, hooks of the workflow.

May import every folder but cli.
"""
