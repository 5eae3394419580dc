# The results of a study: a table of the scores of all runs, a table of the losses of all trainings, and the settings.

from fewlabel.config.jobs.figures.destreaking import measure_settings, measured_files
from fewlabel.config.jobs.grid import collect_settings, finetunings, orders
from fewlabel.config.jobs.histories import histories_settings, trainings

RUNS = collect_settings(EXPERIMENT)
HISTORIES = histories_settings(EXPERIMENT)
TRAININGS, FINETUNINGS = trainings(HISTORIES), list(finetunings(RUNS))

# Every file between volumes and tables. Snakemake does not notice a deleted file if the files made from it exist.
# With a storage the list is empty: all files would be fetched from it at the end.
MADE = [
    SCORES,
    HISTORY,
    *ALL_ROLES,
    *expand([STORE, *ARRAYS, NATIVE], cohort=EXPERIMENT.cohorts),
    *(LAYOUT.order(part, draw) for part, draw in orders(EXPERIMENT)),
    *(file for run in TRAININGS for file in LAYOUT.training_files(run)),
]
if workflow.storage_settings.default_storage_provider:
    MADE = []


# --------------------------------------------------------------------------------------------------------- collect
rule collect:
    """Join the scores of all runs into the study's one long table."""
    input:
        [LAYOUT.run_scores(run) for run in FINETUNINGS],
    output:
        scores=SCORES,
    log:
        LAYOUT.log("collect"),
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        settings=canonical(RUNS),
        results=lambda wildcards, output: os.path.dirname(output.scores),
    message:
        "Join the scores of all runs (log: {log})"
    shell:
        "fewlabel collect --settings {params.settings:q} --results {params.results} --scores {output.scores} > {log} 2>&1"


rule collect_histories:
    """Join the histories of all trainings into the study's one table."""
    input:
        [LAYOUT.run_history(run) for run in TRAININGS],
    output:
        history=HISTORY,
    log:
        LAYOUT.log("collect_histories"),
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        settings=canonical(HISTORIES),
        results=lambda wildcards, output: os.path.dirname(output.history),
    message:
        "Join the histories of all trainings (log: {log})"
    shell:
        "fewlabel collect-histories --settings {params.settings:q} --results {params.results} "
        "--history {output.history} > {log} 2>&1"


# ----------------------------------------------------------------------------------------------------- destreaking
if MEASURES := [f"{STUDY}/{name}" for name in measured_files(EXPERIMENT)]:

    rule destreaking:
        """Measure what each method of de-streaking leaves of a phantom's streaks, at several signals of the arms."""
        output:
            csv=MEASURES[0],
            images=MEASURES[1],
        log:
            LAYOUT.log("destreaking"),
        conda:
            "../../envs/cpu.yaml"
        threads: all_cores(2)
        resources:
            mem_mb=growing_with_threads(2000),
            runtime=growing(120),
        params:
            settings=canonical(measure_settings(EXPERIMENT)),
        message:
            "Measure the streaks that each de-streaking method leaves (log: {log})"
        shell:
            "fewlabel destreaking --settings {params.settings:q} --csv {output.csv} --images {output.images} "
            "--threads {threads} > {log} 2>&1"


# ---------------------------------------------------------------------------------------------------------- record
rule record:
    """Write down the experiment with all its defaults, without the place of the data on this machine."""
    output:
        experiment=LAYOUT.experiment,
    log:
        LAYOUT.log("record"),
    # `fewlabel watch` reads the number of jobs from it.
    priority: 30
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        settings=canonical(EXPERIMENT.model_copy(update={"data_root": None})),
    message:
        "Write the experiment with all its defaults (log: {log})"
    shell:
        "fewlabel record --settings {params.settings:q} --experiment {output.experiment} > {log} 2>&1"
