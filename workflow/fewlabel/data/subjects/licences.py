"""Licence and citation of a cohort's volumes: as stated in its settings, or those of the public source."""

from dataclasses import dataclass

from fewlabel.config.cohort import Cohort

MADE = "made by code, no patient's data"
NOT_STATED = "not stated"


@dataclass(frozen=True)
class Terms:
    """Licence and citation of a cohort."""

    licence: str  # its name; `MADE` for phantoms, `NOT_STATED` if it is unknown
    citation: str  # one line; empty if unknown


def terms(cohort: Cohort) -> Terms:
    """A cohort's licence and citation; stated ones override those of the source."""
    source = cohort.source
    default = source.licence or (MADE if source.made_by_code else NOT_STATED)
    return Terms(cohort.licence or default, cohort.citation or source.citation)


def sentence(title: str, cohort: Cohort) -> str | None:
    """A sentence on licence and citation; None for phantoms without a statement."""
    cohort_terms = terms(cohort)
    if cohort_terms == Terms(MADE, ""):
        return None
    cite = f"cite {cohort_terms.citation}" if cohort_terms.citation else "citation not stated"
    further = getattr(cohort.source, "unlabelled", None) is not None and cohort.licence is None
    exception = "; its further unlabelled volumes are not covered by this" if further else ""
    return f"{title}: licence {cohort_terms.licence}; {cite}{exception}."
