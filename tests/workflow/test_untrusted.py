"""What comes from elsewhere is input, not instruction: names, experiment files, archives, weights, states."""

import json
import os
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from fewlabel.config.loading.load import load
from fewlabel.config.loading.yaml_files import read_config
from fewlabel.data.subjects.subject import is_safe_name
from fewlabel.utils.errors import InputError
from helpers import preloaded
from helpers.studies import ROOT, TINY, merged

NASTY = [
    "../evil",
    "..",
    "a b",
    "a\nb",
    "a'b",
    'a"b',
    "-rf",
    "--help",
    "<script>alert(1)</script>",
    "a;touch pwned",
    "$(touch pwned)",
    "`touch pwned`",
    "a|b",
    "a&b",
    "a\\b",
    "a{b}",
    "a*",
    "~root",
    "\u202eabc",
    "café",
    "a" * 101,
    "",
    ".hidden",
    "a\x00b",
]


def volume(path):
    array = np.random.default_rng(list(os.fsencode(path.name))).random((24, 24, 4)).astype(np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, np.diag([2, 2, 5, 1])), path.parent / "x.nii.gz")
    (path.parent / "x.nii.gz").rename(path)


def own(folder):
    """An experiment on one folder of volumes, with as little to train as there can be."""
    return {
        "cohorts": {
            "liver_phantom": None,
            "prostate_phantom": None,
            "own": {
                "source": {"kind": "nifti", "folder": folder},
                "grid": {"matrix": [24, 24], "spacing_mm": 2},
                "test": 1,
            },
        },
        "methods": {"regression": None, "contrastive": None, "supervised": None},
        "labels": [1],
        "draws": 1,
    }


@pytest.mark.parametrize("name", NASTY)
def test_no_such_name_is_taken_for_a_subject(name):
    assert not is_safe_name(name)


def test_volumes_with_such_names_are_refused_all_at_once_and_nothing_is_run(fresh):
    folder = fresh.folder / "data" / "mine"
    names = [name for name in NASTY if "/" not in name and "\x00" not in name and name not in ("", "..", ".hidden")]
    for name in [*names, "good"]:
        volume(folder / "images" / f"{name}.nii.gz")
    volume(folder / "labels" / "good.nii.gz")
    process = fresh.run(change=own("mine"), env={"FEWLABEL_DATA": str(fresh.folder / "data")})
    text = process.stdout + process.stderr
    assert process.returncode == 1 and "Traceback" not in text
    assert text.count("unsafe subject name; accepted: letters, digits") >= len(names)
    assert not list(fresh.folder.rglob("pwned"))
    assert not (fresh.results / "own/slices").exists()


def test_patients_with_such_names_are_text_and_nothing_more(fresh):
    folder = fresh.folder / "data" / "mine"
    for index in range(3):
        volume(folder / "images" / f"s{index}.nii.gz")
        image = nib.load(folder / "images" / f"s{index}.nii.gz")
        (folder / "labels").mkdir(exist_ok=True)
        mask = (image.get_fdata() > 0.8).astype(np.uint8)
        nib.save(nib.Nifti1Image(mask, image.affine), folder / "labels" / f"s{index}.nii.gz")
    refused = ["$(touch pwned) ../x", "<b>'a'</b>", '-rf "quoted", `touch pwned`']
    pd.DataFrame({"subject": ["s0", "s1", "s2"], "patient": refused}).to_csv(folder / "subjects.csv", index=False)
    process = fresh.run(change=own("mine"), env={"FEWLABEL_DATA": str(fresh.folder / "data")})
    text = process.stdout + process.stderr
    assert process.returncode == 1 and "line 3: patient" in text and "line 4: patient" in text and "line 2" not in text
    patients = ["$(touch pwned) ../x", "'a'; touch pwned", '$HOME \\ "quoted", (touch pwned)']
    pd.DataFrame({"subject": ["s0", "s1", "s2"], "patient": patients}).to_csv(folder / "subjects.csv", index=False)
    target = "results/tiny/own/splits/roles.csv"
    process = fresh.run(target, change=own("mine"), env={"FEWLABEL_DATA": str(fresh.folder / "data")})
    assert process.returncode == 0, process.stdout + process.stderr
    roles = pd.read_csv(fresh.results / "own/splits/roles.csv").set_index("subject")["patient"].to_dict()
    assert roles == dict(zip(["s0", "s1", "s2"], patients, strict=True))
    assert not list(fresh.folder.rglob("pwned"))


@pytest.mark.parametrize(
    "change",
    [
        {"study": "../x"},
        {"study": "a b"},
        {"study": "$(touch pwned)"},
        {"study": "-rf"},
        {"cohorts": {"../x": {"source": {"kind": "phantom", "anatomy": "pelvis", "labelled": 4}}}},
        {"methods": {"a;touch pwned": {"pretext": "none"}}},
        {"methods": {"scratch": {"title": "two\nlines"}}},
        {"cohorts": {"liver_phantom": {"title": "x" * 500}}},
    ],
)
def test_names_in_an_experiment_that_would_leave_their_place_are_refused(change):
    key = next(iter(change))
    with pytest.raises(InputError, match=rf"(?m)^\s*(- )?{key}\b"):
        load(merged(merged(read_config([ROOT / "config.yaml"]), TINY), change))


def test_nothing_is_run_of_an_experiment_with_such_names(fresh):
    change = {"study": "$(touch pwned)", "methods": {"a;touch pwned": {"pretext": "none"}}}
    process = fresh.run(change=change)
    assert process.returncode == 1
    assert "experiment.yaml" in process.stdout + process.stderr and "Traceback" not in process.stderr
    assert not fresh.results.exists() and not list(fresh.folder.parent.glob("x/*"))
    assert not list(fresh.folder.rglob("pwned"))


def test_an_experiment_file_runs_no_code(fresh):
    (fresh.folder / "evil.yaml").write_text("study: !!python/object/apply:os.system ['touch pwned']\n")
    by_hand = preloaded.run("validate", "evil.yaml", cwd=fresh.folder)
    assert by_hand.returncode == 1 and "evil.yaml:1: not YAML" in by_hand.stderr
    process = fresh.run("--configfile", str(fresh.folder / "evil.yaml"))
    assert process.returncode == 1
    assert not list(fresh.folder.rglob("pwned"))


def test_a_title_stays_text_in_shell_figure_and_table(titled):
    assert not list(titled.folder.rglob("pwned"))
    for name in ("table1_cohorts.md", "table2_dice.md", "table3_differences.md", "table4_labels.md"):
        text = (titled.results / "tables" / name).read_text()
        assert r"O'Brien & \<img" in text and "$HOME" in text
        assert text.count("<img") == text.count(r"\<img") and "[x](" not in text
    for name in ("table1_cohorts", "table2_dice", "table3_differences", "table4_labels"):
        page = (titled.results / "tables" / f"{name}.html").read_text()
        assert "O&#39;Brien &amp; &lt;img" in page and "<img" not in page
        assert r"O'Brien \& \textless{}img src=x" in (titled.results / "tables" / f"{name}.tex").read_text()
    assert (titled.results / "figures/figure2_scheme.pdf").exists()
    assert (titled.results / "figures/figure3_label_curves.pdf").exists()


def test_arrays_that_hold_objects_are_not_unpickled(finished, fresh, tmp_path):
    store = fresh.folder / "slices"
    shutil.copytree(finished.results / "liver_phantom/slices", store)

    class Trap:
        def __reduce__(self):
            return (Path(tmp_path / "pwned").touch, ())

    np.save(store / "images.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    from fewlabel.data.store.slice_store import open_store
    from fewlabel.utils.atomic_files import sha256

    manifest = json.loads((store / "store.json").read_text())
    manifest["sha256"]["images.npy"] = sha256(store / "images.npy")
    (store / "store.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="slice store cannot be read"):
        open_store(store / "store.json")
    assert not (tmp_path / "pwned").exists()


def test_logs_of_a_good_run_hold_no_user_host_or_path(finished):
    import getpass
    import socket

    secret = {str(Path.home()), str(finished.made_in), socket.gethostname()}
    if getpass.getuser() not in ("root", "user"):  # too common as words
        secret.add(getpass.getuser())
    logs = list((finished.results / "logs").rglob("*.log"))
    assert logs
    for path in logs:
        text = path.read_text()
        assert not [word for word in secret if word and word in text], path
