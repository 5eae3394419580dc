"""What the settings of all jobs share: recipe numbers, and the canonical JSON text."""

import json
import re

from pydantic import BaseModel

RECIPES = {
    "fetch": 1,
    "prepare": 1,
    "split": 1,
    "draw": 1,
    "finetune": 2,
    "evaluate": 1,
    "destreaking": 1,
    "quality": 1,
}
"""Raise a stage's number when its numerics change: finished results of that stage are then made again. Numbers of
pretrainings are in the specifications of pretexts (`config.pretexts`)."""
TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
"""A text in JSON."""


def canonical(settings: BaseModel) -> str:
    """One line of JSON: equal settings give equal text. Keys are in the order of the model, cohorts and methods in
    the experiment's, which figures and tables follow. Braces in texts are escaped: Snakemake would read wildcards."""
    text = json.dumps(settings.model_dump(mode="json"), separators=(",", ":"))
    return TEXT.sub(lambda found: found[0].replace("{", r"\u007b").replace("}", r"\u007d"), text)
