"""What a workflow tells while it runs."""


def test_after_each_job_stands_how_many_are_done_and_snakemakes_own_lines_stay(fresh):
    process = fresh.run("results/tiny/experiment.yaml")
    assert process.returncode == 0, process.stderr
    assert "jobs: 1 of 1 done, 0 running, 0 to come" in process.stderr
    assert "1 of 1 steps (100%) done" in process.stdout + process.stderr


def test_who_wants_no_progress_gets_none(fresh):
    process = fresh.run("results/tiny/experiment.yaml", "--quiet", "progress")
    assert process.returncode == 0 and "jobs: " not in process.stderr + process.stdout
