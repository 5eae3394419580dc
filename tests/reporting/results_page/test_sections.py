"""Captions and tables as parts of the page; names and titles stay text."""

import re
from pathlib import Path

import pytest

from fewlabel.config.experiment import Experiment
from fewlabel.reporting.captions import study_facts
from fewlabel.reporting.results.folder import read_results
from fewlabel.reporting.results_page.build import _numbers, results_page
from fewlabel.reporting.results_page.sections import caption, rst, table
from fewlabel.utils.errors import InputError
from fewlabel.utils.recorded_hashes import record_hash
from helpers.synthetic_results import EXPERIMENT, make_study

CAPTIONS = Path(__file__).parents[3] / "workflow" / "report"
TITLE = "Knee <img src=x onerror=alert(1)> & 'co'"
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)


def study(folder):
    knee = {**EXPERIMENT["cohorts"]["knee"], "title": TITLE}
    make_study(folder, cohorts={"knee": knee})
    return Experiment.model_validate({**EXPERIMENT, "cohorts": {"knee": knee}})


@pytest.mark.parametrize("path", sorted(CAPTIONS.glob("*.rst")), ids=lambda path: path.stem)
def test_every_caption_becomes_html_without_errors_or_jinja(path):
    facts = dict.fromkeys(("study", "conditions", "choices", "terms"), "Told.")
    text = caption(path, facts)
    assert "<p>" in text and "{{" not in text and "system-message" not in text


def test_captions_include_neither_files_nor_html():
    text = rst(".. raw:: html\n\n   <script>x</script>\n\n.. include:: /etc/hostname\n\nEnd <b>.")
    assert "<script" not in text and Path("/etc/hostname").read_text().strip() not in text and "End &lt;b&gt;." in text


def test_a_missing_caption_and_a_page_without_a_table_are_named(tmp_path):
    with pytest.raises(InputError, match=r"none.rst: no such caption"):
        caption(tmp_path / "none.rst", {})
    (tmp_path / "t.html").write_text("<p>other</p>")
    with pytest.raises(InputError, match=r"t.html: not a table's page"):
        table(tmp_path / "t.html")


def test_the_page_of_a_study_without_figures_has_its_numbers_and_no_markup_of_the_user(tmp_path):
    page = results_page(tmp_path, study(tmp_path), CAPTIONS)
    assert "<img src=x" not in page and "Knee &lt;img" in page
    assert "2 draws and 4 test subjects are too few for a conclusion" in page
    assert 'href="scores.csv"' in page and "explorer.html" not in page and "<script" not in page


def test_the_page_shows_every_class_of_a_cohort(tmp_path):
    classes = {"bone": [1], "soft_cartilage": [2]}
    knee = {**EXPERIMENT["cohorts"]["knee"], "source": {"kind": "nifti", "folder": "mine", "classes": classes}}
    make_study(tmp_path, cohorts={"knee": knee})
    page = results_page(tmp_path, Experiment.model_validate({**EXPERIMENT, "cohorts": {"knee": knee}}), CAPTIONS)
    assert "knee, mean of the classes" in page and ">soft cartilage</th>" in page
    for name in ("mean of the classes", "bone", "soft cartilage"):
        assert f"<caption>knee: {name}</caption>" in page
    assert "has 2 classes: bone (1), soft cartilage (2)" in page


KNEE = {
    **EXPERIMENT["cohorts"]["knee"],
    "source": {"kind": "nifti", "folder": "mine", "classes": {"bone": [1], "soft_cartilage": [2]}},
}


@pytest.mark.parametrize(
    ("classes", "pictured", "told"),
    [
        ("mean", ["mean of the classes"], "Dice of ``knee`` is the mean of its 2 classes."),
        ("bone", ["bone"], "Dice is that of bone; cohorts without this class are left out."),
        (
            "each",
            ["mean of the classes", "bone", "soft cartilage"],
            "``knee`` has a panel for the mean of its classes and for each class, on one scale.",
        ),
    ],
)
def test_captions_and_texts_of_pictures_say_of_which_dice_they_are(classes, pictured, told, tmp_path):
    change = {"cohorts": {"knee": KNEE}, "figures": {"label_curves": {"classes": classes}}}
    make_study(tmp_path, cohorts={"knee": KNEE})
    experiment = Experiment.model_validate({**EXPERIMENT, **change})
    facts = study_facts(experiment)
    assert facts["dice_of_label_curves"] == told
    assert told.replace("``knee``", "knee") in re.sub(
        "<[^>]+>", "", caption(CAPTIONS / "figure_label_curves.rst", facts)
    )
    numbers = _numbers(read_results(tmp_path), experiment)
    assert [text.split(": ")[1] for text in re.findall(r"knee: [a-z ]+", numbers["curves"])] == pictured
    (grid,) = numbers["grids"]
    assert [each.title for each in grid.classes] == ["knee: bone", "knee: soft cartilage"]


def test_facts_of_one_class_say_nothing_of_classes():
    assert set(study_facts(Experiment.model_validate(EXPERIMENT))) == {"study", "conditions", "choices", "terms"}


def test_captions_say_what_the_network_sees_and_what_is_done_with_predictions():
    source = {"kind": "nifti", "folder": "mine", "classes": {"bone": [1, 4], "soft_cartilage": [2]}}
    source |= {"channels": {"t2w": 0, "adc": 1}}
    change = {
        "cohorts": {"knee": {"source": source, "test": 4, "count": "patients"}},
        "network": {"widths": [4, 8], "context": 3},
        "finetuning": {"loss": "dice_cross_entropy"},
        "evaluation": {"largest_component": ["bone"], "smallest_ml": 0.5},
    }
    conditions = study_facts(Experiment.model_validate({**EXPERIMENT, **change}))["conditions"]
    for sentence in (
        "``knee`` has 2 classes: bone (1 + 4), soft cartilage (2); scores are by class, and their mean.",
        "The network sees 2 channels of ``knee``: ``t2w``, ``adc``.",
        "N of ``knee`` counts patients, each with all labelled volumes.",
        "The network sees 3 neighbouring slices as channels.",
        "Loss: Dice + cross entropy.",
        "processed alike before they are scored: largest connected component of bone; components below 0.5 ml removed.",
    ):
        assert sentence in conditions
    plain = study_facts(Experiment.model_validate(EXPERIMENT))["conditions"]
    assert not any(word in plain for word in ("class", "channel", "Loss", "processed"))


def test_figures_are_in_the_page_and_changed_ones_are_refused(tmp_path):
    made = study(tmp_path)
    figure = tmp_path / "figures" / "figure3_label_curves.png"
    figure.parent.mkdir()
    figure.write_bytes(PIXEL)
    record_hash(figure)
    page = results_page(tmp_path, made, CAPTIONS)
    assert page.count("data:image/png;base64,") == 1 and 'width="1" height="1"' in page
    assert "regression: " in page.partition('alt="')[2].partition('"')[0]
    figure.write_bytes(PIXEL + b"x")
    with pytest.raises(InputError, match="figure3_label_curves"):
        results_page(tmp_path, made, CAPTIONS)


def test_quality_warnings_are_shown_with_their_number(tmp_path):
    made = study(tmp_path)
    (tmp_path / "tables").mkdir()
    rows = "".join(f"s{at},{'tiny target' if at < 10 else ''}\n" for at in range(12))
    (tmp_path / "tables" / "quality_knee.csv").write_text(f"subject,warnings\n{rows}")
    page = results_page(tmp_path, made, CAPTIONS)
    assert "10 of 12 subjects with warnings" in page and page.count("tiny target") == 8 and "and 2 more" in page


def test_conditions_of_the_study_are_told_once(tmp_path):
    made = study(tmp_path)
    page = results_page(tmp_path, made, CAPTIONS)
    assert page.count(rst(study_facts(made)["conditions"])) == 1
