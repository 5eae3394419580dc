"""An experiment without places on a machine: what may be shown, published and compared of it."""

from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit


def placeless(experiment: dict[str, Any]) -> dict[str, Any]:
    """An experiment, as plain data, without facts of the machine or its user.

    Of folders and files that are given by their place the names alone stay; addresses lose their user, password and
    query, any of which may be a secret.
    """
    cohorts = {
        name: {**cohort, "source": {key: _name(key, value) for key, value in cohort.get("source", {}).items()}}
        for name, cohort in experiment.get("cohorts", {}).items()
    }
    return {**experiment, "data_root": None, "cohorts": cohorts}


def _name(key: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {inner: _name(inner, part) for inner, part in value.items()}
    if not isinstance(value, str):
        return value
    if key == "url":
        parts = urlsplit(value)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    if key in ("folder", "subjects_table", "unlabelled") and (PurePath(value).is_absolute() or value.startswith("~")):
        return PurePath(value).name or "data"
    return value
