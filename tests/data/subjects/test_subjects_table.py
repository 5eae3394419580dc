import csv
import io
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.data.sources import registry
from fewlabel.data.sources.nifti import nifti
from fewlabel.data.subjects.subject import is_safe_name
from fewlabel.data.subjects.subjects_table import USES, read_table
from fewlabel.data.subjects.suspicious_names import patient_notes
from fewlabel.utils.errors import InputError


def source(**changes):
    return NiftiSource(kind="nifti", **{"folder": "mine", "labels": [1], **changes})


def listing_error(**changes):
    with pytest.raises(InputError) as error:
        nifti.list_subjects(source(**changes))
    return str(error.value)


def table(mine, text, name="subjects.tsv"):
    (mine / name).write_bytes(text.encode())


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
        ("subject\tpatient\tuse\na\tp\n", "line 2: 2 cells, but the header has 3; accepted: one for each column"),
        ("patient\tsubject\nx\n", "line 2: 1 cells, but the header has 2"),
        # An open quote took the following rows along.
        (
            'subject,patient\na,"p1\nb,p1\nc,p2\n',
            "line 2: a quote is opened and not closed; accepted: cells without line breaks",
        ),
        ('subject,patient\na,"p1\nb",p1\n', "line 2: a quote is opened and not closed"),
        ('subject,patient\na,"p"1\n', "line 2: not a row of a table"),
        ("subject,patient\na,p\x001\n", "line 2: an invisible character (U+0000); accepted: text; to fix: remove it"),
        ("subject,patient\nb,p1\na,p\u200b1\n", "line 3: an invisible character (U+200B)"),
        ("subject,patient\na,p\x0b1\n", "line 2: an invisible character (U+000B)"),
        ("subject,patient\na,p\u20281\n", "line 2: an invisible character (U+2028)"),
        ("subject,patient\na," + "p" * 131073 + "\n", "line 2: a cell has more than 131072 characters"),
        ("subject,patient\na," + "p" * 201 + "\n", "has 201 characters; accepted: text of at most 200 characters"),
        ("subject,patient\na,=HYPERLINK(1)\n", "line 2: patient '=HYPERLINK(1)' starts like a formula (=); accepted"),
        ("subject,patient\na,-1+2\n", "starts like a formula (-)"),
        ("subject,patient\na,@x\n", "starts like a formula (@)"),
        ("subject,patient\na,+x\n", "starts like a formula (+)"),
        ("subject,patient\na,<b>p</b> & co\n", "contains < > &; accepted: text of at most 200 characters without"),
        ("subject,patient\na,p|`q`\n", "contains | `"),
        ("subject\tuse\nd\ttest\n", "use 'test' of d, which has no label"),
        ("subject\tuse\na\texclude\nb\tunlabelled\nc\texclude\n", "no labelled subject"),
    ],
)
def test_a_bad_subjects_table_is_refused(mine, text, expected):
    table(mine, text)
    assert expected in listing_error()


def test_all_problems_of_a_table_are_told_at_once(mine):
    table(mine, 'subject,patient\na,"p\nb,p\x00\n')
    assert all(f"line {line}: " in listing_error() for line in (2, 3))
    table(mine, "subject,patient\na,=1\nb,p,q\nx,p\n", "subjects.csv")
    (mine / "subjects.tsv").unlink()
    assert all(f"line {line}: " in listing_error() for line in (2, 3, 4))


def test_patients_that_look_alike_are_told_and_stay_apart(mine):
    table(mine, "subject,patient\na,Ann Lee\nb,ann  lee \nc,Bob\nd,BOB2\n", "subjects.csv")
    assert [subject.patient for subject in nifti.list_subjects(source())] == ["Ann Lee", "ann  lee", "Bob", "BOB2"]
    reported = [note for note in registry.notes(source()) if "patient names" in note]
    assert len(reported) == 1 and "'Ann Lee', 'ann  lee'" in reported[0] and "use one name" in reported[0]
    assert patient_notes(["\ufb01x", "FIX", "p 1", "p1", "p2"]) == [
        text.replace("Ann Lee', 'ann  lee", pair) for text in reported for pair in ("FIX', '\ufb01x", "p 1', 'p1")
    ]


def test_a_spreadsheet_in_place_of_the_table_is_refused(mine):
    (mine / "subjects.csv").write_bytes(b"PK\x03\x04\xff\xfe\x9d")
    message = listing_error()
    assert "subjects.csv: not a text file in UTF-8" in message and "to fix: save the table as CSV" in message


names = st.text("abcXYZ019_-.", min_size=1, max_size=12).filter(is_safe_name)
cell = st.text("abcXYZ 019_-é", max_size=10).map(lambda text: text.strip(" -"))
entries = st.dictionaries(names, st.tuples(cell, st.sampled_from(["", *USES])), min_size=1, max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60)
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


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60)
@given(text=st.text("subject\tpatientus,;\"'\n\r \x00é", max_size=80))
def test_no_text_makes_the_table_reader_fail(tmp_path, text):
    path = tmp_path / "table"
    path.write_text(text, encoding="utf-8", newline="")
    read, problems = read_table(path, ["a"])
    assert problems or set(read) <= {"a"}
