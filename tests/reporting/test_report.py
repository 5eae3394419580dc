"""The report: what Snakemake's page shows is plain text, and tells nothing of this machine."""

import json
from pathlib import Path

import pytest
from docutils.core import publish_parts

from fewlabel.config.experiment import Experiment
from fewlabel.config.loading.yaml_files import read_config
from fewlabel.reporting.captions import study_facts
from fewlabel.reporting.report import safe_page, write_report
from fewlabel.utils.errors import InputError

ROOT = Path(__file__).parents[2]
HOSTILE = '</script><script>alert("x")</script>'


def page(**data):
    scripts = [
        f'<script id="{name}">\n    var {name} = {json.dumps(value)};\n</script>' for name, value in data.items()
    ]
    return "<html>\n" + "\n".join(scripts) + "\n</html>"


def test_what_the_page_shows_ends_no_script_and_stays_the_same_text():
    made = safe_page(page(results={"a.png": {"labels": {"figure": HOSTILE}, "data_uri": ""}}, rules={}, note="<b>"))
    assert made.count("</script>") == 3 and "<script>alert" not in made
    start = made.index("var results = ") + len("var results = ")
    assert json.JSONDecoder().raw_decode(made, start)[0] == {"a.png": {"labels": {"figure": HOSTILE}, "data_uri": ""}}


def test_a_page_without_markup_in_its_data_is_left_as_it_is():
    plain = page(results={"a.png": {"name": "a.png", "size": 3}}, rulegraph=[1, 2])
    assert safe_page(plain) == plain


@pytest.mark.parametrize("shown", ["/home/ann/results/a.png", "--weights /scratch/x1/w", "C:\\Users"])
def test_a_page_that_would_tell_a_place_is_refused(shown):
    with pytest.raises(InputError, match="no report: it would tell of this machine"):
        safe_page(page(results={"a.png": {"job_properties": {"params": {"settings": shown}}}}))


def test_files_are_shown_as_they_are():
    content = {"a.png": {"data_uri": "data:image/png;base64,/home/ann/"}}
    assert json.dumps(content) in safe_page(page(results=content))


def test_a_page_that_is_too_large_leaves_out_its_largest_files_and_says_so(capsys):
    sizes = {"a.png": 5000, "b<.png": 9000, "c.csv": 400}
    results = {
        path: {"name": path, "mime_type": "image/png", "caption": "<p>Told.</p>", "data_uri": "x" * size}
        for path, size in sizes.items()
    }
    plain = page(results=results)
    assert safe_page(plain, len(plain)).count("x" * 400) == plain.count("x" * 400)
    made = safe_page(plain, 7000)
    content = json.JSONDecoder().raw_decode(made, made.index("var results = ") + len("var results = "))[0]
    assert {path for path, result in content.items() if "x" in result["data_uri"][:2]} == {"a.png", "c.csv"}
    assert content["b<.png"]["caption"] == "<p>b&lt;.png is too large for this page: it lies beside it.</p><p>Told.</p>"
    assert content["b<.png"]["mime_type"] == "text/html" and len(made) < 7000
    assert "left out, since the page would be too large: b<.png" in capsys.readouterr().err


def test_captions_tell_budgets_draws_intervals_and_whose_choices_they_are():
    facts = study_facts(Experiment.model_validate(read_config([ROOT / "config.yaml"])))
    text = " ".join(publish_parts(" ".join(facts.values()), writer="html")["body"].split())
    for told in (
        "300 steps of 16 slices, 25 % of the pixels corrupted",
        "encoder 150 steps of 16 slices, then decoder 150 steps of 16 slices",
        "200 steps of 8 slices",
        "700 steps of 8 slices",
        "N = 1, 2, 4, 8, all; 2 draws",
        "95 %, by bootstrap over draws and test subjects (2000 resamples)",
        "These choices are ours",
        "Network widths 8, 16, 32, 64; seed 3914",
    ):
        assert told in text
    assert "problematic" not in text and "system-message" not in text


def test_a_title_is_no_markup_of_a_caption():
    config = read_config([ROOT / "config.yaml"])
    config["cohorts"]["liver_phantom"]["title"] = "|x| `a <script:b>`_ :raw:`<script>`"
    assert "script" not in " ".join(study_facts(Experiment.model_validate(config)).values())


def test_what_is_no_study_is_told_and_leaves_no_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiment.yaml").write_text((ROOT / "config.yaml").read_text())
    with pytest.raises(InputError, match="Snakemake made no report"):
        write_report(tmp_path / "experiment.yaml", ROOT, tmp_path / "report.html")
    assert not list(tmp_path.glob("*.html"))
