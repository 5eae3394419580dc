import csv
import gzip
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from fewlabel.cohorts import nifti, sources
from fewlabel.cohorts.problems import TOLERANCE_MM, corner_distance, target_problems
from fewlabel.cohorts.subject import is_safe_name
from fewlabel.cohorts.table import USES, read_table
from fewlabel.errors import InputError
from fewlabel.experiment import NiftiSource
from fewlabel.imaging.volume import read_nifti


def source(**changes):
    return NiftiSource(kind="nifti", **{"folder": "mine", "labels": [1], **changes})


def named(subjects, name):
    return next(subject for subject in subjects if subject.subject == name)


def listing_error(**changes):
    with pytest.raises(InputError) as error:
        nifti.list_subjects(source(**changes))
    return str(error.value)


def reading_error(name="a", **changes):
    """The message of reading one subject; the check of the whole cohort must hold the same lines."""
    subjects = nifti.list_subjects(source(**changes))
    with pytest.raises(InputError) as error:
        nifti.read_volume(source(**changes), named(subjects, name))
    checked = nifti.check(source(**changes), subjects)
    assert set(str(error.value).splitlines()) <= set(checked)
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
    subjects = sources.list_subjects(source())
    assert subjects == nifti.list_subjects(source())
    assert sources.check(source(), subjects) == []
    assert np.array_equal(
        sources.read_volume(source(), subjects[0]).mask, nifti.read_volume(source(), subjects[0]).mask
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
    assert "images/: no images; accepted: <subject>.nii.gz" in listing_error()


def test_a_decathlon_task_given_as_nifti_is_recognised(data, make_task):
    make_task(data / "Task05_Prostate")
    assert "use `kind: decathlon`" in listing_error(folder="Task05_Prostate")


@pytest.mark.parametrize("remove_folder", [True, False])
def test_a_cohort_without_any_label_is_refused(mine, remove_folder):
    for path in (mine / "labels").iterdir():
        path.unlink()
    if remove_folder:
        (mine / "labels").rmdir()
    assert "labels/: no labels at all" in listing_error()


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


# ------------------------------------------------------------------------------------------------- subjects table
def table(mine, text, name="subjects.tsv"):
    (mine / name).write_text(text)


def test_the_subjects_table_sets_patient_and_use(mine):
    table(mine, "subject\tpatient\tuse\na\tp1\ttrain\nb\tp1\ttest\nc\t\texclude\n")
    subjects = nifti.list_subjects(source())
    assert [(s.subject, s.patient, s.use) for s in subjects] == [
        ("a", "p1", "train"),
        ("b", "p1", "test"),
        ("d", "d", "auto"),
    ]


def test_use_unlabelled_hides_the_mask(mine):
    table(mine, "subject,use\na,unlabelled\n", "subjects.csv")
    subject = nifti.list_subjects(source())[0]
    assert (subject.labelled, subject.label, subject.use) == (False, None, "unlabelled")
    assert nifti.read_volume(source(), subject).mask is None


def test_a_named_table_is_read_instead_of_the_default(mine):
    table(mine, "subject\tuse\na\texclude\n")
    table(mine, "subject\tuse\nb\texclude\n", "other.tsv")
    assert "a" in {s.subject for s in nifti.list_subjects(source(subjects_table="other.tsv"))}


def test_a_named_table_that_is_missing_is_refused(mine):
    assert re.search(r"other\.tsv: .*No such file", listing_error(subjects_table="other.tsv"))


def test_two_default_tables_are_refused(mine):
    table(mine, "subject\na\n")
    table(mine, "subject\na\n", "subjects.csv")
    assert "subjects.tsv, subjects.csv: two subjects tables" in listing_error()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("subject\tgroup\na\tx\n", "unknown column 'group'; accepted columns: subject, patient, use"),
        ("patient\tuse\na\ttest\n", "no column 'subject'"),
        ("", "no column 'subject'"),
        (
            "subject\tuse\na\tvalidation\n",
            "line 2: unknown use 'validation'; accepted: auto, train, test, unlabelled, exclude",
        ),
        ("subject\tuse\na\ttest\n\naa\ttest\n", "line 4: no image of subject 'aa'; did you mean 'a'?"),
        ("subject\tuse\na\ttest\na\ttrain\n", "subject 'a' in 2 rows"),
        ("subject\tuse\na\ttest\textra\n", "line 2: 3 cells, but the header has 2"),
        ("subject\tuse\n\ttest\n", "line 2: no subject"),
        ("subject\tsubject\na\tb\n", "column 'subject' twice"),
        ("subject\tuse\nd\ttest\n", "use 'test' of d, which has no label"),
        ("subject\tuse\na\texclude\nb\tunlabelled\nc\texclude\n", "no labelled subject"),
    ],
)
def test_a_bad_subjects_table_is_refused(mine, text, expected):
    table(mine, text)
    assert expected in listing_error()


def test_a_spreadsheet_in_place_of_the_table_is_refused(mine):
    (mine / "subjects.csv").write_bytes(b"PK\x03\x04\xff\xfe\x9d")
    assert "subjects.csv: not a text file in UTF-8" in listing_error()


names = st.text("abcXYZ019_-.", min_size=1, max_size=12).filter(is_safe_name)
cell = st.text("abcXYZ 019_-é", max_size=10).map(str.strip)
entries = st.dictionaries(names, st.tuples(cell, st.sampled_from(["", *USES])), min_size=1, max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    entries=entries,
    columns=st.permutations(["subject", "patient", "use"]),
    delimiter=st.sampled_from("\t,;"),
    bom=st.booleans(),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_any_well_formed_table_is_read_back(tmp_path, entries, columns, delimiter, bom, end):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
    writer.writerow(columns)
    for subject, (patient, use) in entries.items():
        row = {"subject": subject, "patient": patient, "use": use}
        writer.writerow([row[column] for column in columns])
    path = tmp_path / "table"
    path.write_bytes(text.getvalue().encode("utf-8-sig" if bom else "utf-8"))
    read, problems = read_table(path, entries.keys())
    assert problems == []
    assert {subject: (entry.patient, entry.use) for subject, entry in read.items()} == {
        subject: (patient or subject, use or "auto") for subject, (patient, use) in entries.items()
    }


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(text=st.text("subject\tpatientus,;\"'\n\r \x00é", max_size=80))
def test_no_text_makes_the_table_reader_fail(tmp_path, text):
    path = tmp_path / "table"
    path.write_text(text, encoding="utf-8", newline="")
    read, problems = read_table(path, ["a"])
    assert problems or set(read) <= {"a"}


# ---------------------------------------------------------------------------------------------------- bad volumes
@pytest.mark.parametrize("part", ["images", "labels"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_short_is_refused(mine, part, share):
    path = mine / part / "a.nii.gz"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    assert reading_error().startswith(f"{part}/a.nii.gz: truncated")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(missing=st.integers(1, 400))
def test_wherever_a_compressed_file_is_cut_it_is_refused(mine, missing):
    path = mine / "images" / "cut.nii.gz"
    path.write_bytes((mine / "images" / "a.nii.gz").read_bytes()[:-missing])
    subject = named(nifti.list_subjects(source()), "cut")
    with pytest.raises(InputError, match=r"images/cut\.nii\.gz: truncated"):
        nifti.read_volume(source(), subject)


def test_a_damaged_byte_is_found_behind_the_channel_that_is_read(mine, write):
    path = write(
        mine / "images" / "a.nii.gz", np.random.default_rng(0).integers(0, 999, (16, 16, 8, 4), dtype=np.int16)
    )
    damaged = bytearray(path.read_bytes())
    damaged[-100] ^= 0xFF
    path.write_bytes(damaged)
    subjects = nifti.list_subjects(source(channel=0))
    with pytest.raises(InputError, match=r"images/a\.nii\.gz: truncated or damaged"):
        nifti.read_volume(source(channel=0), subjects[0])


def test_an_uncompressed_file_cut_short_is_refused(mine, write):
    (mine / "images" / "a.nii.gz").unlink()
    path = write(mine / "images" / "a.nii", np.arange(210, dtype=np.int16).reshape(7, 6, 5))
    path.write_bytes(path.read_bytes()[:-10])
    assert reading_error().startswith("images/a.nii: truncated")


@pytest.mark.parametrize("content", [b"", b"not an image at all", b"\x1f\x8b" + b"garbage" * 100])
@pytest.mark.parametrize("part", ["images", "labels"])
def test_a_file_that_is_no_nifti_is_refused(mine, part, content):
    (mine / part / "a.nii.gz").write_bytes(content)
    assert reading_error().startswith(f"{part}/a.nii.gz: truncated or not a NIfTI file")


def test_a_dangling_link_is_refused(mine):
    (mine / "images" / "e.nii.gz").symlink_to(mine / "gone.nii.gz")
    assert reading_error("e") == "images/e.nii.gz: no such file"


def test_a_4d_image_without_channel_is_refused(mine, write):
    write(mine / "images" / "a.nii.gz", np.random.default_rng(0).random((7, 6, 5, 3)))
    assert reading_error() == "images/a.nii.gz: 4D file of 3 channels; set `channel` to one of 0 to 2"


def test_a_channel_that_is_not_there_is_refused(mine, write):
    write(mine / "images" / "a.nii.gz", np.random.default_rng(0).random((7, 6, 5, 3)))
    assert "images/a.nii.gz: no channel 3; the file has channels 0 to 2" in reading_error(channel=3)


def test_a_channel_of_a_3d_image_is_refused(mine):
    assert "images/a.nii.gz: no channel 1, the file is 3D" in reading_error(channel=1)


def test_a_label_of_several_channels_is_refused(mine, write):
    write(mine / "labels" / "a.nii.gz", np.zeros((7, 6, 5, 2), dtype=np.uint8))
    message = reading_error()
    assert "labels/a.nii.gz: a label of 2 channels" in message
    assert "set `channel`" not in message


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinite_values_are_refused(mine, write, value):
    image = np.random.default_rng(0).random((7, 6, 5)).astype(np.float32)
    image[3, 2, 1] = value
    write(mine / "images" / "a.nii.gz", image)
    assert "images/a.nii.gz: 1 values are NaN or infinite" in reading_error()


@pytest.mark.parametrize("value", [0, 7])
def test_a_constant_volume_is_refused(mine, write, value):
    write(mine / "images" / "a.nii.gz", np.full((7, 6, 5), value, dtype=np.int16))
    assert f"images/a.nii.gz: constant volume ({value} everywhere)" in reading_error()


def test_image_and_mask_of_different_shape_are_refused(mine, write):
    write(mine / "labels" / "a.nii.gz", np.ones((7, 6, 4), dtype=np.uint8))
    message = reading_error()
    assert "labels/a.nii.gz: shape (7, 6, 4), but images/a.nii.gz has (7, 6, 5)" in message


@pytest.mark.parametrize("change", ["shift", "mirror", "slice"])
def test_image_and_mask_of_different_affine_are_refused(mine, write, change):
    affine = nib.load(mine / "labels" / "a.nii.gz").affine.copy()
    if change == "shift":
        affine[0, 3] += 0.01
    elif change == "mirror":
        affine[:, 0] *= -1
    else:
        affine[:3, 2] *= 1.001
    write(mine / "labels" / "a.nii.gz", image_of(mine / "labels" / "a.nii.gz"), affine)
    message = reading_error()
    assert "labels/a.nii.gz: its affine places it up to " in message
    assert "mm from images/a.nii.gz" in message


def test_an_affine_without_inverse_is_refused(mine):
    image = nib.load(mine / "images" / "a.nii.gz")
    header = image.header.copy()
    header.set_qform(None, 0)
    header["srow_x"] = 0
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), None, header), mine / "images" / "a.nii.gz")
    assert "images/a.nii.gz: the header's affine has no inverse" in reading_error()


def test_a_label_of_broken_values_is_refused(mine, write):
    label = np.linspace(0, 1, 210).reshape(7, 6, 5).astype(np.float32)
    write(mine / "labels" / "a.nii.gz", label)
    assert "labels/a.nii.gz: values that are no whole numbers (0.0047" in reading_error()


def test_a_label_of_nan_is_refused(mine, write):
    write(mine / "labels" / "a.nii.gz", np.full((7, 6, 5), np.nan, dtype=np.float32))
    assert "labels/a.nii.gz: values that are no whole numbers (nan)" in reading_error()


def test_all_problems_of_one_volume_are_told_at_once(mine, write):
    write(mine / "images" / "a.nii.gz", np.zeros((7, 6, 5), dtype=np.int16))
    write(mine / "labels" / "a.nii.gz", np.full((7, 6, 4), 0.5, dtype=np.float32))
    message = reading_error()
    for part in ("constant volume", "no whole numbers", "shape (7, 6, 4)"):
        assert part in message


# ------------------------------------------------------------------------------------------------ affines that agree
def quaternion_only(image):
    """The same image whose header holds the affine as a quaternion only."""
    header = image.header.copy()
    header.set_qform(image.affine, code=1)
    header.set_sform(None, code=0)
    return nib.Nifti1Image(np.asarray(image.dataobj), None, header)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), tilt=st.sampled_from([1.0, 0.1, 1e-2, 1e-3, 1e-4]), half_turn=st.booleans())
def test_a_mask_whose_header_holds_a_quaternion_fits_its_image(mine, seed, tilt, half_turn):
    rng = np.random.default_rng(seed)
    turn = np.diag([-1, -1, 1]) if half_turn else np.eye(3)
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_rotvec(rng.normal(0, tilt, 3)).as_matrix() @ turn * [0.6, 0.6, 3.0]
    affine[:3, 3] = rng.uniform(-150, 150, 3)
    # Long axes, since a rounded rotation moves far corners most.
    image = nib.Nifti1Image(rng.integers(0, 99, (384, 3, 30), dtype=np.int16), affine)
    label = quaternion_only(nib.Nifti1Image(np.ones((384, 3, 30), dtype=np.uint8), affine))
    nib.save(image, mine / "images" / "turned.nii")
    nib.save(label, mine / "labels" / "turned.nii")
    subject = named(nifti.list_subjects(source()), "turned")
    assert nifti.read_volume(source(), subject).mask.all()


def test_the_corner_distance_of_a_shift_is_the_shift():
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    shifted = affine.copy()
    shifted[:3, 3] = [3.0, 4.0, 0.0]
    assert corner_distance((4, 5, 6), affine, shifted) == pytest.approx(5.0)


def test_the_corner_distance_of_a_scaling_is_that_of_the_farthest_corner():
    affine = np.eye(4)
    assert corner_distance((11, 2, 2), affine, np.diag([1.1, 1, 1, 1])) == pytest.approx(1.0)


def test_rounding_below_the_tolerance_passes(mine, write):
    affine = nib.load(mine / "labels" / "a.nii.gz").affine.copy()
    affine[0, 3] += TOLERANCE_MM / 2
    write(mine / "labels" / "a.nii.gz", image_of(mine / "labels" / "a.nii.gz"), affine)
    assert nifti.check(source(), nifti.list_subjects(source())) == []


# ---------------------------------------------------------------------------------------------------- whole cohorts
def test_a_value_in_no_mask_is_told_with_what_was_found(mine):
    assert nifti.check(source(labels=[5]), nifti.list_subjects(source())) == [
        "labels: value 5 is in none of the 3 masks; found in the masks: 0, 1, 2; did you mean labels: [1]?"
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
        "from fewlabel.cohorts import nifti; from fewlabel.experiment import NiftiSource;"
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


# ----------------------------------------------------------------------------------------------------- odd headers
def patch(path, *changes):
    """Overwrite bytes of a NIfTI file's header, as (offset, bytes): nibabel would not write such a file."""
    raw = bytearray(gzip.decompress(path.read_bytes()))
    for offset, content in changes:
        raw[offset : offset + len(content)] = content
    path.write_bytes(gzip.compress(bytes(raw)))


# sform_code 1, then the first number of srow_x.
NAN_SFORM = ((254, b"\1\0"), (280, np.float32(np.nan).tobytes()))


@pytest.mark.parametrize("parts", [["images"], ["labels"], ["images", "labels"]])
def test_an_affine_with_nan_is_told_once(mine, parts):
    for part in parts:
        patch(mine / part / "a.nii.gz", *NAN_SFORM)
    message = reading_error()
    assert message.startswith(f"{parts[0]}/a.nii.gz: the header's affine has no inverse")
    assert len(message.splitlines()) == 1 and "nan mm" not in message


def test_complex_values_and_colours_are_refused(mine, write):
    image = image_of(mine / "images" / "a.nii.gz")
    write(mine / "images" / "a.nii.gz", image * np.complex64(1 + 1j))
    assert "values of type complex64; accepted: one real number a voxel" in reading_error()
    write(mine / "images" / "a.nii.gz", np.zeros(image.shape, [("R", "u1"), ("G", "u1"), ("B", "u1")]))
    assert "colours; accepted: one real number a voxel" in reading_error()


def test_a_header_of_a_size_that_no_memory_holds_is_told_with_a_reason(mine):
    patch(mine / "images" / "a.nii.gz", (42, np.array([32000] * 3, "<i2").tobytes()))
    message = reading_error()
    assert message.startswith("images/a.nii.gz: truncated or not a NIfTI file (") and "()" not in message
