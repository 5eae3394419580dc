"""What the documentation says of messages, results and pictures is what the code and the published studies say."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from fewlabel.config.jobs.figures.registry import report_items
from fewlabel.config.loading.load import load_files
from helpers.studies import ROOT

sys.path.insert(0, str(ROOT / "docs" / "scripts"))
import reference
import stages
import tables

DOCS = ROOT / "docs"
RESULTS = sorted((DOCS / "results").glob("*.md"))
CODE = [
    ROOT / "Makefile",
    *(ROOT / "workflow" / "rules").glob("*.smk"),
    *(ROOT / "workflow" / "fewlabel").rglob("*.py"),
]


def quoted_messages():
    text = (DOCS / "reference" / "troubleshooting.md").read_text()
    return re.findall(r"^\| ``?(.+?)``? \| ", text, flags=re.MULTILINE)


def strings(text):
    """Source text in which adjacent literals of one expression are one."""
    return re.sub(r'"\s*f?"', "", text)


def test_every_quoted_message_is_in_the_code():
    sources = [strings(path.read_text()) for path in CODE]
    lost = []
    for message in quoted_messages():
        parts = [part for part in message.split("…") if part.strip()]
        if not any(all(part in source for part in parts) for source in sources):
            lost.append(message)
    assert len(quoted_messages()) > 20
    assert lost == []


@pytest.mark.parametrize("page", RESULTS, ids=lambda page: page.stem)
def test_tables_of_results_are_those_of_the_published_studies(page):
    text = page.read_text()
    assert tables.filled(text) == text, "make readme writes them anew"


def test_every_published_study_has_a_page_in_the_one_form():
    studies = {path.parent.name for path in (ROOT / "results" / "published").glob("*/experiment.yaml")}
    assert {page.stem for page in RESULTS} - {"index"} == studies
    for page in RESULTS:
        if page.stem != "index":
            heads = re.findall(r"^## (.+)$", page.read_text(), flags=re.MULTILINE)
            assert heads[:5] == ["Question", "Protocol", "Result", "Answer", "Limits"], page.name
            assert f"({page.name})" in (DOCS / "results" / "index.md").read_text()


def rules_after(folder):
    """Of each rule, the rules that wait for it, in a study that has not begun."""
    command = [
        Path(sys.executable).with_name("snakemake"),
        "--snakefile",
        ROOT / "Snakefile",
        "--rulegraph",
        "mermaid-js",
        "--quiet",
        "all",
    ]
    text = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    names = dict(re.findall(r"(id\d+)\[(\w+)\]", text))
    return set(names.values()), [(names[a], names[b]) for a, b in re.findall(r"(id\d+) --> (id\d+)", text)]


def test_the_stages_of_the_picture_are_those_of_the_workflow(tmp_path):
    rules, arrows = rules_after(tmp_path)
    order = {rule: number for number, stage in enumerate(stages.STAGES) for rule in stage.rules}
    assert len(order) == sum(len(stage.rules) for stage in stages.STAGES), "a rule is in two stages"
    assert set(order) - rules <= {"admit"}, "a stage names a rule that there is not"
    last = len(stages.STAGES) - 1
    backwards = [(first, then) for first, then in arrows if order.get(first, last) > order.get(then, last)]
    assert backwards == []
    assert stages.PICTURE.read_text() == stages.svg(), "make readme draws it anew"


def test_the_reference_has_every_setting_and_every_command():
    settings, commands = reference.settings_page(), reference.commands_page()
    for key in ("draws", "spacing_mm", "checkpoint_every", "corrupted", "resamples"):
        assert f"| `{key}` |" in settings
    for link in re.findall(r"\]\(#(\w+)\)", settings):
        assert re.search(rf"^## {link}$", settings, flags=re.MULTILINE | re.IGNORECASE), link
    for name in ("plan", "predict", "finetune", "collect-histories"):
        assert f"### {name}\n" in commands and f"fewlabel {name}" in commands


def test_the_navigation_names_every_page():
    text = re.sub(r"^exclude_docs.*?^\S", "", (ROOT / "mkdocs.yml").read_text(), flags=re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"[\w/-]+\.md", text))
    there = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")} | set(reference.PAGES)
    assert named == there


def test_versions_agree():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == version
    released = re.findall(r"^## \[?([\d.]+)\]? - \d{4}-\d{2}-\d{2}$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert released[0] == version
    assert f"fewlabel:{version}" in (ROOT / "profiles" / "kubernetes" / "profile.yaml").read_text()


def test_every_figure_and_table_of_the_default_experiment_is_among_the_outputs():
    text = (DOCS / "reference" / "outputs.md").read_text()
    assert [item.stem for item in report_items(load_files([ROOT / "config.yaml"])) if item.stem not in text] == []


def test_pages_that_the_code_names_are_there():
    named = {
        (path.name, place)
        for path in CODE
        for place in re.findall(r"\bdocs/[\w/-]+(?:\.md)?", path.read_text())
        if path.name not in ("Makefile", "monai_bundle.py")  # a bundle has docs/ of its own
    }
    assert named
    assert [each for each in named if not (ROOT / each[1]).exists()] == []
