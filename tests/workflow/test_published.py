"""A published study is drawn again from its tables alone, by the rules and commands that drew the study."""

import re
import shutil
import zlib
from pathlib import Path

import pytest
import yaml

from fewlabel.utils.atomic_files import visible
from helpers import preloaded

ROOT = Path(__file__).parents[2]
DRAWN = {
    "differences",
    "figure2_scheme",
    "figure3_label_curves",
    "label_efficiency",
    "learning_curves",
    "paired_subjects",
    "table1_cohorts",
    "table2_dice",
    "table3_differences",
    "table4_labels",
}

pytestmark = pytest.mark.xdist_group("published")  # one process publishes it once


def run(folder, *arguments, program="fewlabel", env=preloaded.NONE):
    process = preloaded.run(*arguments, program=program, cwd=folder, env=env)
    return process.returncode, process.stdout + process.stderr


def redraw(folder, *arguments, env=preloaded.NONE):
    """What `make figures` runs, in a folder that holds nothing but a published study."""
    command = ["--snakefile", ROOT / "workflow" / "published.smk", "--directory", folder, "--cores", "1"]
    command += ["--configfile", "results/published/tiny/experiment.yaml"]
    return run(folder, *command, *arguments, program="snakemake", env=env)


def drawn(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for name in ("figures", "tables")
        for path in visible(folder / name, "*")
    }


@pytest.fixture(scope="module")
def clone(finished, tmp_path_factory):
    """A folder with the published tables of the tiny study, and nothing else."""
    code, text = run(finished.folder, "publish", "results/tiny")
    assert code == 0, text
    assert "--anonymise replaces them by codes" in text
    folder = tmp_path_factory.mktemp("clone")
    (folder / "results").mkdir()
    shutil.move(finished.folder / "results" / "published", folder / "results")
    return folder


def test_figures_and_tables_come_out_the_same_without_data_weights_or_torch(finished, clone, tmp_path):
    for name in ("torch", "nibabel", "monai", "skimage"):
        (tmp_path / f"{name}.py").write_text(f"raise RuntimeError('{name} was imported')\n")
    code, text = redraw(clone, "--forceall", env={"PYTHONPATH": str(tmp_path)})
    assert code == 0, text
    assert "results/published/tiny/index.html  results, on one page" in text
    page = (clone / "results" / "published" / "tiny" / "index.html").read_text()
    assert page.count("data:image/png;base64,") == 6 and 'href="explorer.html"' not in page
    again = drawn(clone / "results" / "published" / "tiny")
    assert {Path(name).stem for name in again} == DRAWN
    # Pictures of volumes are of a study's results alone.
    assert again == {name: content for name, content in drawn(finished.results).items() if Path(name).stem in DRAWN}


def test_nothing_but_figures_and_tables_can_run(clone):
    code, text = redraw(clone, "--list-rules")
    assert code == 0, text
    assert sum(name.startswith(("figure_", "table_")) for name in text.split()) == len(DRAWN)
    assert not {"fetch", "prepare", "pretrain", "finetune", "evaluate", "collect"} & set(text.split())


def test_tables_that_are_missing_are_refused_and_not_made(clone, tmp_path):
    shutil.copytree(clone / "results", tmp_path / "results")
    (tmp_path / "results/published/tiny/scores.csv").unlink()
    code, text = redraw(tmp_path, "--forceall", "--dry-run")
    assert code == 1
    assert "results/published/tiny: no results/published/tiny/scores.csv" in text


def test_tables_that_were_edited_are_named_and_nothing_is_drawn_of_them(clone, tmp_path):
    shutil.copytree(clone / "results", tmp_path / "results")
    published = tmp_path / "results/published/tiny"
    scores = published / "scores.csv"
    scores.write_text(scores.read_text().replace(",0.", ",0.9", 1))
    shutil.rmtree(published / "figures", ignore_errors=True)
    code, text = redraw(tmp_path, "--forceall")
    assert code == 1 and "1 file not matching SHA256SUMS" in text and "  - scores.csv" in text
    assert "publish the study again" in text and not (published / "figures").exists()
    for asked in (
        ["annotation-budget", published, "--target", "0.5"],
        ["compare", published, clone / "results/published/tiny"],
    ):
        code, text = run(tmp_path, *asked)
        assert code == 1 and "scores.csv" in text and "SHA256SUMS" in text and "Traceback" not in text


def test_a_study_that_was_published_without_histories_is_drawn_and_says_what_it_lacks(clone, tmp_path):
    shutil.copytree(clone / "results", tmp_path / "results")
    published = tmp_path / "results/published/tiny"
    (published / "history.csv").unlink()
    sums = (published / "SHA256SUMS").read_text().splitlines(keepends=True)
    (published / "SHA256SUMS").write_text("".join(line for line in sums if not line.endswith("  history.csv\n")))
    shutil.rmtree(published / "figures", ignore_errors=True)
    code, text = redraw(tmp_path, "--forceall", "figure_learning_curves")
    assert code == 0, text
    assert b"Learning curves are not drawn" in shown_text(published / "figures/learning_curves.pdf")


def shown_text(pdf):
    """What a page of ours writes: its text stands in its streams as it is read, two bytes a sign."""
    streams = re.findall(rb"stream\r?\n(.*?)endstream", pdf.read_bytes(), re.DOTALL)
    pages = [zlib.decompress(stream) for stream in streams if stream[:1] == b"x"]
    return b" ".join(b"".join(re.findall(rb"\((.*?)\)", page)) for page in pages).replace(b"\0", b"")


def test_settings_of_ones_own_change_what_is_drawn(clone, tmp_path):
    shutil.copytree(clone / "results", tmp_path / "results")
    (tmp_path / "my.yaml").write_text(yaml.safe_dump({"intervals": {"level": 0.8}, "methods": {"contrastive": None}}))
    code, text = redraw(tmp_path, "my.yaml", "--forceall", "tables")
    assert code == 0, text
    table = (tmp_path / "results/published/tiny/tables/table2_dice.md").read_text()
    assert "80 % interval" in table
    assert "Contrastive" not in table


def test_a_mistake_in_them_is_told_with_its_file_and_line(clone, tmp_path):
    (tmp_path / "my.yaml").write_text("figures:\n  label_curves: {dpy: 90}\n")
    code, text = redraw(clone, tmp_path / "my.yaml", "--dry-run")
    assert code == 1
    assert "my.yaml:2: figures.label_curves.dpy: unknown key; did you mean 'dpi'?" in text


def test_the_rules_pass_snakemakes_own_checks(clone):
    code, text = redraw(clone, "--lint")
    assert code == 0, text


def test_the_experiment_that_a_run_writes_down_is_the_one_that_it_ran(finished):
    recorded = finished.results / "experiment.yaml"
    code, text = run(finished.folder, "validate", recorded)
    assert code == 0 and text == recorded.read_text()
    assert yaml.safe_load(text)["study"] == "tiny"
