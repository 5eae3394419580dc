"""Under which licence a cohort's volumes are, and what is to be cited: its own statement, else what is known."""

from dataclasses import dataclass

from fewlabel.config.cohort import Cohort
from fewlabel.config.sources.chaos import ChaosSource
from fewlabel.config.sources.decathlon import DecathlonSource
from fewlabel.config.sources.phantom import PhantomSource

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


DECATHLON = Terms(
    "CC BY-SA 4.0",
    "Antonelli et al., The Medical Segmentation Decathlon, Nat. Commun. 13, 4128 (2022), "
    "doi:10.1038/s41467-022-30695-9",
)
CHAOS = Terms(
    "CC BY-NC-SA 4.0",
    "Kavur et al., CHAOS Challenge, Med. Image Anal. 69, 101950 (2021), doi:10.1016/j.media.2020.101950, "
    "and its data, doi:10.5281/zenodo.3431873",
)


def terms(cohort: Cohort) -> Terms:
    """A cohort's licence and citation; each stated one goes before the known one."""
    known = _known(cohort)
    return Terms(cohort.licence or known.licence, cohort.citation or known.citation)


def sentence(title: str, cohort: Cohort) -> str | None:
    """For readers, in plain text: None for phantoms that state nothing."""
    found = terms(cohort)
    if found == Terms(MADE, ""):
        return None
    cite = f"cite {found.citation}" if found.citation else "citation not stated"
    further = getattr(cohort.source, "unlabelled", None) is not None and cohort.licence is None
    beside = "; its further unlabelled volumes are not covered by this" if further else ""
    return f"{title}: licence {found.licence}; {cite}{beside}."


def _known(cohort: Cohort) -> Terms:
    match cohort.source:
        case PhantomSource():
            return Terms(MADE, "")
        case DecathlonSource():
            return DECATHLON
        case ChaosSource():
            return CHAOS
        case _:
            return Terms(NOT_STATED, "")
