from pathlib import Path

import pytest
import yaml
from docutils.core import publish_parts
from pydantic import ValidationError

from fewlabel.config.cohort import Cohort
from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.base import canonical
from fewlabel.config.jobs.tables.cohorts import cohort_table_settings
from fewlabel.data.subjects.licences import MADE, NOT_STATED, Terms, sentence, terms
from fewlabel.reporting.captions import study_facts
from fewlabel.reporting.tables.cohorts import cohort_table
from fewlabel.reporting.tables.formats import as_html, as_latex, as_markdown

ROOT = Path(__file__).parents[3]
PHANTOM = {"kind": "phantom", "anatomy": "pelvis", "labelled": 3}
NASTY = "<script>x</script> |a| `b <javascript:1>`_ :raw:`c` {{ d }} [e](javascript:1) *f* _g_ $h \\i &"


def cohort(source, **stated):
    return Cohort(source=source, **stated)


@pytest.mark.parametrize(
    ("source", "licence", "cited"),
    [
        (PHANTOM, MADE, ""),
        ({"kind": "nifti", "folder": "x"}, NOT_STATED, ""),
        ({"kind": "metaimage", "folder": "x"}, NOT_STATED, ""),
        ({"kind": "decathlon"}, "CC BY-SA 4.0", "10.1038/s41467-022-30695-9"),
        ({"kind": "chaos"}, "CC BY-NC-SA 4.0", "10.1016/j.media.2020.101950"),
    ],
)
def test_what_is_known_is_told_and_what_is_stated_goes_before_it(source, licence, cited):
    found = terms(cohort(source))
    assert found.licence == licence and cited in found.citation
    assert terms(cohort(source, licence="L", citation="C")) == Terms("L", "C")


def test_the_sentence_says_what_is_not_stated():
    assert sentence("t", cohort(PHANTOM)) is None
    assert sentence("t", cohort({"kind": "nifti", "folder": "x"})) == "t: licence not stated; citation not stated."
    further = cohort({"kind": "chaos", "unlabelled": "x"})
    assert sentence("t", further).endswith("its further unlabelled volumes are not covered by this.")


def test_what_is_not_stated_leaves_the_settings_strings_as_they_were():
    plain = cohort(PHANTOM)
    assert not {"licence", "citation"} & plain.model_dump().keys()
    assert "licence" not in canonical(plain)


@pytest.mark.parametrize("text", ["two\nlines", "", "x" * 1000, "\x1b[0m"])
def test_a_citation_is_one_line(text):
    with pytest.raises(ValidationError):
        cohort(PHANTOM, citation=text)


@pytest.fixture
def nasty():
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    config["cohorts"]["liver_phantom"] |= {"licence": NASTY[:110], "citation": NASTY}
    return Experiment.model_validate(config)


def test_they_stay_text_in_captions(nasty):
    html = publish_parts(study_facts(nasty)["terms"], writer="html")["body"]
    assert (
        "&lt;script&gt;x" in html and "{{ d }}" in html and "problematic" not in html and "system-message" not in html
    )
    assert "<script" not in html and "<a " not in html and "<em" not in html and "<strong" not in html


def test_they_stand_beneath_table_1_as_text(nasty):
    import pandas as pd

    columns = ("slices", "rows", "columns", "slice_mm", "row_mm", "column_mm", "target_ml")
    facts = pd.DataFrame({"subject": ["a"], "role": ["test"], **dict.fromkeys(columns, 1.0)})
    table = cohort_table(dict.fromkeys(nasty.cohorts, facts), cohort_table_settings(nasty))
    assert table.rows["citation"].tolist() == [NASTY, ""]
    assert table.rows["licence"].tolist()[1] == MADE
    assert "\\<script>" in as_markdown(table) and " <script" not in as_markdown(table)
    assert "[e](" not in as_markdown(table)
    assert "<script" not in as_html(table) and "&lt;script&gt;" in as_html(table)
    assert r"\textless{}script\textgreater{}" in as_latex(table) and r"\$h" in as_latex(table)
