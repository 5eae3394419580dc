"""What a workflow tells while it runs."""


def test_progress_is_on_the_terminal_and_each_jobs_reason_and_settings_are_in_the_log(fresh):
    process = fresh.run("results/tiny/experiment.yaml")
    assert process.returncode == 0, process.stderr
    text = process.stdout + process.stderr
    assert "jobs: 1 of 1 done, 0 running, 0 to come" in text
    assert "Reason: " not in text and "1 of 1 steps (100%) done" not in text
    (log,) = (fresh.folder / ".snakemake" / "log").glob("*.snakemake.log")
    assert "Reason: Missing output files: results/tiny/experiment.yaml" in log.read_text()
    assert "1 of 1 steps (100%) done" in log.read_text()


def test_who_asks_for_commands_gets_snakemakes_own_lines_too(fresh):
    process = fresh.run("results/tiny/experiment.yaml", "--printshellcmds", "--force")
    text = process.stdout + process.stderr
    assert process.returncode == 0 and "fewlabel record --settings" in text and "1 of 1 steps (100%) done" in text


def test_who_wants_no_progress_gets_none(fresh):
    process = fresh.run("results/tiny/experiment.yaml", "--quiet", "progress")
    assert process.returncode == 0 and "jobs: " not in process.stderr + process.stdout
