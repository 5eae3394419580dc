import csv
import io
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fewlabel.cohorts import nifti
from fewlabel.cohorts.subject import is_safe_name
from fewlabel.cohorts.table import USES, read_table
from fewlabel.errors import InputError
from fewlabel.experiment import NiftiSource


def source(**changes):
    return NiftiSource(kind="nifti", **{"folder": "mine", "labels": [1], **changes})


def listing_error(**changes):
    with pytest.raises(InputError) as error:
        nifti.list_subjects(source(**changes))
    return str(error.value)


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
