"""Table 1: the cohorts and how their subjects are used."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from fewlabel.config.cohort import Cohort
from fewlabel.config.jobs.tables.cohorts import CohortTableSettings
from fewlabel.config.jobs.titles import named_draws
from fewlabel.data.csv_tables import CLASS_ML
from fewlabel.data.subjects.licences import sentence, terms
from fewlabel.reporting import paper
from fewlabel.reporting.cohort_text import channels_text, classes_text, context_text
from fewlabel.reporting.statistics.classes import class_title
from fewlabel.reporting.tables.cohort_facts import read_study_facts
from fewlabel.reporting.tables.table import NONE, Section, Table, between

GROUPS = {"pretraining": ("pool", "unlabelled"), "pool": ("pool",), "test": ("test",), "withheld": ("withheld",)}
"""Roles of the subjects in each use."""


def tabulate(results: Path, settings: CohortTableSettings) -> Table:
    """The table of a study, from its folder."""
    return cohort_table(read_study_facts(results, settings.titles), settings)


def cohort_table(facts: Mapping[str, pd.DataFrame], settings: CohortTableSettings) -> Table:
    """Table 1: subjects and slices for pretraining, finetuning and test, with grids and target volumes.

    Args:
        facts: by cohort of `settings.titles`, from `cohort_facts.read_facts` or, with test folds, `read_fold_facts`.
        settings: titles and settings of the cohorts, and the label budgets.

    Returns:
        CSV: a row a cohort, with the size of the paper's cohort. With test folds, counts are those of the smallest
        fold, `_max` those of the largest; `test` counts the subjects of all folds. For readers: a column a cohort.
    """
    rows = pd.DataFrame([_cohort_row(name, facts[name], settings) for name in settings.titles.cohorts])
    columns: dict[str, dict[str, str]] = {}
    for _, row in rows.iterrows():
        title = row["title"]
        column = _cohort_column(row, "pool_patients" in rows)
        columns[title if title not in columns else f"{title} ({row['cohort']})"] = column
    heads = dict.fromkeys(head for column in columns.values() for head in column)
    body = pd.DataFrame(columns).reindex(list(heads)).fillna(NONE).reset_index(names="")
    notes = [
        "Pretraining uses the labelled pool and the unlabelled subjects, never a test subject.",
        "Ranges: smallest to largest over all subjects in use. Matrix: rows x columns.",
    ]
    titles = settings.titles.cohorts
    if any(title.folds for title in titles.values()):
        notes.append(
            "With test folds, each labelled subject is tested once, by networks that saw no volume of that patient. "
            "The other counts are those of one fold, smallest to largest."
        )
    if patients := [title.title for name, title in titles.items() if settings.cohorts[name].count == "patients"]:
        notes.append(f"N of {', '.join(patients)} counts patients, each with all labelled volumes.")
    notes += [text for name in titles if (text := named_draws(titles[name].title, settings.cohorts[name])) is not None]
    notes += [text for name in titles if (text := sentence(titles[name].title, settings.cohorts[name])) is not None]
    if theirs := [_paper_size(row) for _, row in rows.iterrows() if row["paper_cohort"]]:
        notes.append(f"Cohorts of the paper: {'; '.join(dict.fromkeys(theirs))}. {paper.CITATION}.")
    return Table(rows, 1, "Cohorts", [Section("", body, numbers=False)], notes)


def _cohort_row(name: str, facts: pd.DataFrame, settings: CohortTableSettings) -> dict[str, Any]:
    title, cohort = settings.titles.cohorts[name], settings.cohorts[name]
    used = facts[facts["role"] != "withheld"]
    row: dict[str, Any] = {"cohort": name, "title": title.title, "source": cohort.source.description}
    row |= {"subjects": facts["subject"].nunique(), **_counts(facts)}
    if cohort.count == "patients":
        row["pool_patients"] = facts.loc[facts["role"] == "pool", "patient"].nunique()
    used = used.drop_duplicates("subject")
    row["finetuned_on"] = " ".join(str(n) for n in settings.labels)
    for column in ("slices", "rows", "columns"):
        row |= {f"{column}_min": int(used[column].min()), f"{column}_max": int(used[column].max())}
    for column in ("slice_mm", "row_mm", "column_mm", "target_ml"):
        row |= {f"{column}_min": used[column].min(), f"{column}_max": used[column].max()}
    row["target_ml_median"] = used["target_ml"].median()
    row |= _classes_and_channels(used, cohort, settings.context)
    grid = cohort.grid
    row |= {"working_rows": grid.matrix[0], "working_columns": grid.matrix[1], "working_mm": grid.spacing_mm}
    size = paper.SIZES[title.stands_for] if title.stands_for else None
    row |= {"paper_cohort": title.stands_for or "", "paper_subjects": size.subjects if size else None}
    found = terms(cohort)
    row |= {"paper_labelled": size.labelled if size else None}
    return row | {"licence": found.licence, "citation": found.citation}


def _classes_and_channels(used: pd.DataFrame, cohort: Cohort, context: int) -> dict[str, Any]:
    """Classes with their values and volumes, channels and neighbouring slices, where there are some."""
    row: dict[str, Any] = {}
    if cohort.source.classes:
        row["classes"] = classes_text(cohort.source)
    for name in cohort.source.classes:
        if (column := f"{CLASS_ML}{name}") in used:
            row |= {f"{column}_min": used[column].min(), f"{column}_max": used[column].max()}
            row[f"{column}_median"] = used[column].median()
    if cohort.source.channel_names:
        row["channels"] = channels_text(cohort.source)
    return row | ({"context": context} if context > 1 else {})


def _counts(facts: pd.DataFrame) -> dict[str, int]:
    """Subjects and slices in each use."""
    folds = [facts] if "fold" not in facts else [fold for _, fold in facts.groupby("fold")]
    found: dict[str, int] = {}
    for group, roles in GROUPS.items():
        members = [fold[fold["role"].isin(roles)] for fold in folds]
        subjects, slices = [len(each) for each in members], [int(each["slices"].sum()) for each in members]
        whole = sum if group == "test" else min
        found |= {f"{group}_subjects": whole(subjects), f"{group}_slices": whole(slices)}
        if "fold" in facts:
            found |= {f"{group}_subjects_max": max(subjects), f"{group}_slices_max": max(slices)}
            if group == "test":
                found |= {"folds": len(folds), "test_subjects_min": min(subjects)}
    return found


def _cohort_column(row: pd.Series, patients: bool) -> dict[str, str]:
    """Cells of a cohort; `patients`: whether N counts them in any cohort."""
    of_patients = patients and pd.notna(row["pool_patients"])
    pool = f"{row['pool_patients']:.0f}" if of_patients else fold_range(row, "pool_subjects")
    labels = ", ".join(f"all ({pool})" if n == "all" else n for n in row["finetuned_on"].split())
    shown = {
        "classes (label values)": row.get("classes"),
        "channels": row.get("channels"),
        "network's input": context_text(int(row.get("context", 1))),
    }
    medians = [column for column in row.index if column.startswith(CLASS_ML) and column.endswith("_median")]
    volumes = {
        f"{class_title(column.removeprefix(CLASS_ML))}, ml: median (range)": _volume(row, column)
        for column in (median.removesuffix("_median") for median in medians)
        if pd.notna(row[f"{column}_median"])
    }
    return {
        "source": row["source"],
        "subjects": str(row["subjects"]),
        "pretraining: subjects (slices)": _of_folds(row, "pretraining"),
        "labelled pool: subjects (slices)": _of_folds(row, "pool"),
        **({"labelled pool: patients": pool if of_patients else NONE} if patients else {}),
        "finetuning: N": f"{labels} patients" if of_patients else labels,
        "test: subjects (slices)": f"{row['test_subjects']} ({row['test_slices']}){_in_folds(row)}",
        "withheld: subjects": fold_range(row, "withheld_subjects"),
        "native slices": _range(row, "slices", 0),
        "native matrix": f"{_range(row, 'rows', 0)} x {_range(row, 'columns', 0)}",
        "native pixel, mm": f"{_range(row, 'row_mm', 2)} x {_range(row, 'column_mm', 2)}",
        "slice distance, mm": _range(row, "slice_mm", 2),
        "working matrix": f"{row['working_rows']} x {row['working_columns']}",
        "working pixel, mm": f"{row['working_mm']:.2f}",
        **{name: text for name, text in shown.items() if isinstance(text, str) and text},
        "target volume, ml: median (range)": _volume(row, "target_ml"),
        **volumes,
    }


def _volume(row: pd.Series, column: str) -> str:
    median = row[f"{column}_median"]
    return f"{median:.1f} ({_range(row, column, 1)})" if pd.notna(median) else NONE


def fold_range(row: pd.Series, count: str) -> str:
    """A count of a row of the table, or its range over test folds."""
    largest = row.get(f"{count}_max")
    return between(row[count], row[count] if largest is None or pd.isna(largest) else largest, 0)


def _of_folds(row: pd.Series, group: str) -> str:
    return f"{fold_range(row, f'{group}_subjects')} ({fold_range(row, f'{group}_slices')})"


def _in_folds(row: pd.Series) -> str:
    if pd.isna(row.get("folds")):
        return ""
    return f" in {row['folds']:.0f} folds of {between(row['test_subjects_min'], row['test_subjects_max'], 0)}"


def _paper_size(row: pd.Series) -> str:
    return f"{row['paper_cohort']} {row['paper_subjects']:.0f} subjects, {row['paper_labelled']:.0f} of them labelled"


def _range(row: pd.Series, column: str, digits: int) -> str:
    return between(row[f"{column}_min"], row[f"{column}_max"], digits)
