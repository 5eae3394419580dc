"""Under which licence a cohort's volumes are, and what is to be cited: its own statement, else what is known."""

from dataclasses import dataclass

from fewlabel.config.cohort import Cohort

MADE = "made by code, no patient's data"
NOT_STATED = "not stated"


@dataclass(frozen=True)
class Terms:
    """What whoever shows or passes on a cohort owes.

    Attributes:
        licence: its name; `MADE` for phantoms, `NOT_STATED` where neither the settings nor we know it.
        citation: in one line; empty: none is known.
    """

    licence: str
    citation: str


def terms(cohort: Cohort) -> Terms:
    """A cohort's licence and citation; each stated one goes before the known one."""
    source = cohort.source
    known = source.licence or (MADE if source.made_by_code else NOT_STATED)
    return Terms(cohort.licence or known, cohort.citation or source.citation)


def sentence(title: str, cohort: Cohort) -> str | None:
    """For readers, in plain text: None for phantoms that state nothing."""
    found = terms(cohort)
    if found == Terms(MADE, ""):
        return None
    cite = f"cite {found.citation}" if found.citation else "citation not stated"
    further = getattr(cohort.source, "unlabelled", None) is not None and cohort.licence is None
    beside = "; its further unlabelled volumes are not covered by this" if further else ""
    return f"{title}: licence {found.licence}; {cite}{beside}."
