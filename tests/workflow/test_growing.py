"""A study whose cohort grows keeps whom it tests; what would change them is refused before anything runs."""

import hashlib

from fewlabel.data.csv_tables import read_subjects

RUN = "results/tiny/liver_phantom/finetuned/scratch/n1/draw1/scores.csv"
ROLES = "results/tiny/liver_phantom/splits/roles.csv"
TRAINING = ("pretrain", "finetune", "evaluate", "prepare", "split")


def cohort(labelled, unlabelled, **settings):
    source = {"labelled": labelled, "unlabelled": unlabelled}
    return {"cohorts": {"liver_phantom": {"source": source, **settings}, "prostate_phantom": None}}


def hashes(folder):
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and "logs" not in path.parts
    }


def whom(study):
    roles = read_subjects(study.folder / ROLES)
    return set(roles.loc[roles["role"] == "test", "subject"])


def test_more_masks_leave_the_test_set_and_its_change_is_refused(fresh):
    few, more = cohort(6, 2), cohort(16, 2)
    process = fresh.run(RUN, change=few)
    assert process.returncode == 0, process.stdout + process.stderr
    before = whom(fresh)
    order = read_subjects((fresh.folder / ROLES).with_name("draw1.csv"))["subject"].tolist()

    # Everything of this cohort is made again, and nothing else.
    jobs, _ = fresh.planned(RUN, change=more)
    assert jobs == {"fetch": 1, "split": 1, "draw": 1, "prepare": 1, "finetune": 1, "evaluate": 1}
    process = fresh.run(RUN, change=more)
    assert process.returncode == 0, process.stdout + process.stderr
    assert whom(fresh) == before
    after = read_subjects((fresh.folder / ROLES).with_name("draw1.csv"))["subject"].tolist()
    assert len(after) == 13 and [name for name in after if name in order] == order
    assert fresh.planned(RUN, change=more)[0] == {}

    # A change of the test set is refused: while rules are read, and where the cohort is a new one by its check.
    kept = hashes(fresh.results)
    smaller = {**cohort(2, 0, test=1), "labels": [1]}
    for change in (cohort(16, 2, test=4), {**more, "drawing": "permutation"}, smaller):
        process = fresh.run(RUN, change=change)
        text = process.stdout + process.stderr
        assert process.returncode == 1 and "Traceback" not in text, text
        assert "cohorts.liver_phantom: subjects differ from those that results/tiny was trained" in text
        assert not any(f"rule {rule}:" in text for rule in TRAINING)
        assert hashes(fresh.results) == kept

    # What is asked for is done: in this study, as in a new one.
    process = fresh.run("--config", "redraw=true", "--", ROLES, change=more)
    assert process.returncode == 0, process.stdout + process.stderr
    redrawn = whom(fresh)
    assert redrawn != before
    assert fresh.run(ROLES, change=more).returncode == 0 and whom(fresh) == redrawn
