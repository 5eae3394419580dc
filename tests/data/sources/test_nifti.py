import os
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.data.formats.checks import target_problems
from fewlabel.data.preprocessing.volume import read_nifti
from fewlabel.data.sources import registry
from fewlabel.data.sources.nifti import nifti
from fewlabel.utils.errors import InputError


def source(**changes):
    return NiftiSource(kind="nifti", **{"folder": "mine", "labels": [1], **changes})


def named(subjects, name):
    return next(subject for subject in subjects if subject.subject == name)


def listing_error(**changes):
    with pytest.raises(InputError) as error:
        nifti.list_subjects(source(**changes))
    return str(error.value)


def image_of(path):
    return np.asarray(nib.load(path).dataobj)


# ------------------------------------------------------------------------------------------------------- good input
def test_subjects_are_listed_by_name_with_labels_where_there_are_any(mine):
    subjects = nifti.list_subjects(source())
    assert [(s.subject, s.patient, s.labelled, s.use) for s in subjects] == [
        ("a", "a", True, "auto"),
        ("b", "b", True, "auto"),
        ("c", "c", True, "auto"),
        ("d", "d", False, "auto"),
    ]
    assert subjects[0].image == mine / "images" / "a.nii.gz"
    assert subjects[0].label == mine / "labels" / "a.nii.gz"
    assert subjects[3].label is None


def test_a_good_cohort_has_no_problems(mine):
    assert nifti.check(source(), nifti.list_subjects(source())) == []


@pytest.mark.parametrize("labels", [[1], [2], [1, 2]])
def test_the_mask_is_the_union_of_the_label_values(mine, labels):
    subject = nifti.list_subjects(source())[0]
    volume = nifti.read_volume(source(labels=labels), subject)
    truth = image_of(mine / "labels" / "a.nii.gz")
    expected = sum((truth == value).astype(int) for value in labels)
    assert volume.mask.dtype == np.uint8
    assert np.array_equal(volume.mask, expected)
    assert np.array_equal(volume.image, image_of(mine / "images" / "a.nii.gz"))


def test_a_subject_without_label_has_no_mask(mine):
    assert nifti.read_volume(source(), named(nifti.list_subjects(source()), "d")).mask is None


def test_plain_and_compressed_files_go_together(mine, write):
    write(mine / "images" / "e.nii", image_of(mine / "images" / "a.nii.gz"))
    write(mine / "labels" / "e.nii", image_of(mine / "labels" / "a.nii.gz"))
    write(mine / "labels" / "d.nii", image_of(mine / "labels" / "a.nii.gz"))
    subjects = nifti.list_subjects(source())
    assert named(subjects, "e").label.name == "e.nii"
    assert named(subjects, "d").labelled
    assert nifti.check(source(), subjects) == []


def test_hidden_files_of_macos_and_other_files_are_left_out(mine):
    (mine / "images" / "._a.nii.gz").write_bytes(b"x")
    (mine / "images" / "notes.txt").write_text("x")
    (mine / "images" / "folder.nii.gz").mkdir()
    assert len(nifti.list_subjects(source())) == 4


def test_a_channel_of_a_4d_file_is_taken(mine, write):
    image = np.stack([image_of(mine / "images" / "a.nii.gz") + shift for shift in (0, 5, 9)], axis=-1)
    write(mine / "images" / "a.nii.gz", image)
    subject = nifti.list_subjects(source())[0]
    assert np.array_equal(nifti.read_volume(source(channel=1), subject).image, image[..., 1])


def test_an_absolute_folder_needs_no_data_root(mine, monkeypatch):
    monkeypatch.setenv("FEWLABEL_DATA", "/nowhere")
    assert len(nifti.list_subjects(source(folder=str(mine)))) == 4


def test_without_the_environment_variable_data_lies_in_the_working_directory(mine, monkeypatch):
    monkeypatch.delenv("FEWLABEL_DATA")
    monkeypatch.chdir(mine.parent.parent)
    assert len(nifti.list_subjects(source())) == 4


def test_the_registry_gives_what_the_module_gives(mine):
    subjects = registry.list_subjects(source())
    assert subjects == nifti.list_subjects(source())
    assert registry.check(source(), subjects) == []
    assert np.array_equal(
        registry.read_volume(source(), subjects[0]).mask, nifti.read_volume(source(), subjects[0]).mask
    )


def test_a_label_whose_header_scales_it_is_read_as_whole_numbers(mine):
    truth = image_of(mine / "labels" / "a.nii.gz")
    image = nib.Nifti1Image(10 * truth.astype(np.int16) + 1000, nib.load(mine / "images" / "a.nii.gz").affine)
    image.header.set_slope_inter(0.1, -100)  # read back: 1.0000015 and 2.0000015
    nib.save(image, mine / "labels" / "a.nii.gz")
    subject = nifti.list_subjects(source())[0]
    assert np.array_equal(nifti.read_volume(source(labels=[2]), subject).mask, truth == 2)


# --------------------------------------------------------------------------------------------------- bad listings
def test_a_missing_folder_is_named_with_where_it_was_looked_for(data):
    message = listing_error(folder="absent")
    assert str(data / "absent") in message
    for key in ("`folder`", "`data_root`", "FEWLABEL_DATA"):
        assert key in message


def test_a_folder_without_images_is_refused(mine):
    for path in (mine / "images").iterdir():
        path.unlink()
    accepted = "<subject>.nii.gz (or .nii, .mhd, .mha, .seg.nrrd, .nrrd, .nhdr, .mgz, .mgh)"
    assert f"images/: no images; accepted: {accepted};" in listing_error()


def test_a_decathlon_task_given_as_nifti_is_recognised(data, make_task):
    make_task(data / "Task05_Prostate")
    assert "use `kind: decathlon`" in listing_error(folder="Task05_Prostate")


@pytest.mark.parametrize("remove_folder", [True, False])
def test_a_cohort_without_any_label_is_refused(mine, remove_folder):
    for path in (mine / "labels").iterdir():
        path.unlink()
    if remove_folder:
        (mine / "labels").rmdir()
    assert "labels/: no labels; accepted: <subject>.nii.gz (or .nii, .mhd," in listing_error()


@pytest.mark.parametrize("part", ["images", "labels"])
def test_a_subject_in_two_files_is_refused(mine, write, part):
    write(mine / part / "a.nii", image_of(mine / part / "a.nii.gz"))
    message = listing_error()
    assert f"duplicate subject a: {part}/a.nii, {part}/a.nii.gz" in message


def test_labels_without_image_are_named(mine):
    (mine / "images" / "a.nii.gz").unlink()
    (mine / "images" / "c.nii.gz").unlink()
    assert "no image of the same name in images/ for a.nii.gz, c.nii.gz" in listing_error()


@pytest.mark.parametrize("name", ["with space", "semi;colon", "a..b", "-dash", "ünder", "$(x)"])
def test_unsafe_names_are_refused(mine, name):
    (mine / "images" / "d.nii.gz").rename(mine / "images" / f"{name}.nii.gz")
    message = listing_error()
    assert f"images/{name}.nii.gz: unsafe subject name" in message
    assert "rename the file" in message


def test_all_problems_of_a_listing_are_told_at_once(mine, write):
    write(mine / "images" / "a.nii", image_of(mine / "images" / "a.nii.gz"))
    (mine / "images" / "b.nii.gz").unlink()
    (mine / "images" / "d.nii.gz").rename(mine / "images" / "d d.nii.gz")
    (mine / "subjects.tsv").write_text("subject\tuse\nnobody\ttest\na\tsometimes\n")
    message = listing_error()
    assert message.startswith(str(mine))
    for part in ("duplicate subject a", "b.nii.gz", "d d.nii.gz", "'nobody'", "'sometimes'"):
        assert part in message
    assert len(message.splitlines()) == 6


# ---------------------------------------------------------------------------------------------------- whole cohorts
def test_a_value_in_no_mask_is_told_with_what_was_found(mine):
    assert nifti.check(source(labels=[5]), nifti.list_subjects(source())) == [
        "labels: value 5 is in none of the 3 masks; found in the masks: 0, 1, 2; did you mean labels: [1]?"
    ]


@pytest.mark.parametrize(
    ("found", "hint"),
    [
        ([-1, 0], "accepted: values from 1 in the target; to fix: export the masks again with positive values"),
        ([-1, 0, 3], "did you mean labels: [3]?"),
    ],
)
def test_only_positive_values_are_suggested(found, hint):
    reported = ", ".join(map(str, found))
    assert target_problems([1], [frozenset(found)]) == [
        f"labels: value 1 is in none of the 1 masks; found in the masks: {reported}; {hint}"
    ]


def test_of_several_values_those_in_no_mask_are_told(mine):
    assert nifti.check(source(labels=[2, 7]), nifti.list_subjects(source())) == [
        "labels: value 7 is in none of the 3 masks; found in the masks: 0, 1, 2; did you mean labels: [2]?"
    ]


def test_a_target_that_is_empty_in_every_mask_is_told(mine, write):
    for name in "abc":
        write(mine / "labels" / f"{name}.nii.gz", np.zeros((7, 6, 5), dtype=np.uint8))
    (problem,) = nifti.check(source(), nifti.list_subjects(source()))
    assert problem.startswith("labels: the target is empty in every one of the 3 masks")


@given(
    labels=st.lists(st.integers(1, 6), min_size=1, max_size=4, unique=True),
    masks=st.lists(st.frozensets(st.integers(0, 6), min_size=1), max_size=5),
)
def test_the_target_is_fine_exactly_where_every_value_is_in_some_mask(labels, masks):
    found = frozenset().union(*masks)
    assert (target_problems(labels, masks) == []) == (not masks or set(labels) <= found)


def test_the_check_tells_the_problems_of_all_subjects_at_once(mine, write):
    write(mine / "images" / "a.nii.gz", np.zeros((7, 6, 5), dtype=np.int16))
    (mine / "images" / "b.nii.gz").write_bytes(b"garbage")
    write(mine / "labels" / "c.nii.gz", np.ones((7, 6, 4), dtype=np.uint8))
    write(mine / "images" / "d.nii.gz", np.zeros((7, 6, 5, 2), dtype=np.int16))
    problems = nifti.check(source(labels=[1, 9]), nifti.list_subjects(source()))
    starts = ("images/a.nii.gz:", "images/b.nii.gz:", "labels/c.nii.gz:", "images/d.nii.gz:", "labels: value 9")
    assert len(problems) == len(starts)
    assert all(problem.startswith(start) for problem, start in zip(problems, starts, strict=True))


def test_the_check_draws_no_bar_in_a_log(mine):
    code = (
        "from fewlabel.utils.log import show_messages; show_messages();"
        "from fewlabel.data.sources.nifti import nifti; from fewlabel.config.sources.nifti import NiftiSource;"
        "s = NiftiSource(kind='nifti', folder='mine'); print(nifti.check(s, nifti.list_subjects(s)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=_environment())
    assert done.stdout.strip() == "[]" and "\r" not in done.stderr and len(done.stderr.splitlines()) == 1


def _environment():
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


# ---------------------------------------------------------------------------------------------------- real volumes
@pytest.mark.parametrize(("folder", "labels", "count"), [("chaos_t2_liver", [1], 20), ("msd_hippocampus", [1, 2], 260)])
def test_real_cohorts_are_listed_and_read_as_nibabel_reads_them(real_data, folder, labels, count):
    cohort = real_data(folder)
    mine = source(folder=folder, labels=labels)
    subjects = nifti.list_subjects(mine)
    assert len(subjects) == count
    for subject in subjects[:: count // 4]:
        volume = nifti.read_volume(mine, subject)
        image = nib.load(cohort / "images" / f"{subject.subject}.nii.gz")
        assert np.array_equal(volume.image, np.asarray(image.dataobj))
        assert np.array_equal(volume.affine, image.affine)
        assert np.array_equal(volume.mask, np.isin(image_of(cohort / "labels" / f"{subject.subject}.nii.gz"), labels))


@pytest.mark.parametrize(("folder", "labels"), [("chaos_t2_liver", [1]), ("msd_hippocampus", [1, 2])])
def test_real_cohorts_have_no_problems(real_data, folder, labels):
    real_data(folder)
    mine = source(folder=folder, labels=labels)
    assert nifti.check(mine, nifti.list_subjects(mine)) == []


@pytest.mark.parametrize("share", [0.01, 0.3, 0.7, 0.99])
def test_a_real_volume_cut_short_is_refused(real_data, tmp_path, share):
    original = real_data("chaos_t2_liver") / "images"
    whole = sorted(original.iterdir())[0].read_bytes()
    path = tmp_path / "cut.nii.gz"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match=r"cut\.nii\.gz: truncated"):
        read_nifti(Path(path))
