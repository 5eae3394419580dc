"""All commands, registered with the application `app`; `main` imports the module of one command alone."""

from fewlabel.cli import (
    annotation_budget,
    collecting,
    data,
    inference,
    machine,
    planning,
    publishing,
    reporting,
    running,
    training,
)
from fewlabel.cli.common import app

__all__ = [
    "annotation_budget",
    "app",
    "collecting",
    "data",
    "inference",
    "machine",
    "planning",
    "publishing",
    "reporting",
    "running",
    "training",
]
