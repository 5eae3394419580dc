# What a study leaves: the scores of all runs in one table, the losses of all trainings in another, and the experiment that
# they are of.


RUNS = jobs.collect_settings(EXPERIMENT)
PRETRAININGS = [f"{part}/pretrained/{method}" for part in PARTS for method in jobs.pretrainings(EXPERIMENT)]
HISTORIES = jobs.histories_settings(EXPERIMENT)

# Every file between volumes and tables. Snakemake does not notice a deleted file if the files made from it exist.
# With a storage the list is empty: all files would be fetched from it at the end.
MADE = [
    SCORES,
    HISTORY,
    *ALL_ROLES,
    *expand([STORE, *ARRAYS, NATIVE], cohort=EXPERIMENT.cohorts),
    *(f"{STUDY}/{part}/splits/draw{draw}.csv" for part in PARTS for draw in range(1, EXPERIMENT.draws + 1)),
    *(
        f"{STUDY}/{run}/{name}"
        for run in PRETRAININGS
        for name in ("weights.safetensors", "pretext.safetensors", "history.csv", "run.json")
    ),
    *(
        f"{STUDY}/{run}/{name}"
        for run in jobs.run_folders(RUNS)
        for name in ("weights.safetensors", "history.csv", "run.json", "scores.csv", "predictions")
    ),
]
if workflow.storage_settings.default_storage_provider:
    MADE = []


# --------------------------------------------------------------------------------------------------------- collect
rule collect:
    """Join the scores of all runs into the study's one long table."""
    input:
        [f"{STUDY}/{run}/scores.csv" for run in jobs.run_folders(RUNS)],
    output:
        scores=SCORES,
    log:
        f"{LOGS}/collect.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        settings=jobs.canonical(RUNS),
        results=lambda wildcards, output: os.path.dirname(output.scores),
    shell:
        "fewlabel collect --settings {params.settings:q} --results {params.results} --scores {output.scores} > {log} 2>&1"


rule collect_histories:
    """Join the histories of all trainings into the study's one table."""
    input:
        [f"{STUDY}/{run}/history.csv" for run in jobs.training_folders(HISTORIES)],
    output:
        history=HISTORY,
    log:
        f"{LOGS}/collect_histories.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        settings=jobs.canonical(HISTORIES),
        results=lambda wildcards, output: os.path.dirname(output.history),
    shell:
        "fewlabel collect-histories --settings {params.settings:q} --results {params.results} "
        "--history {output.history} > {log} 2>&1"


# ----------------------------------------------------------------------------------------------------- destreaking
if DESTREAKING:

    rule destreaking:
        """Measure what each method of de-streaking leaves of a phantom's streaks, at several signals of the arms."""
        output:
            csv=MEASURES[0],
            images=MEASURES[1],
        log:
            f"{LOGS}/destreaking.log",
        conda:
            "../../envs/cpu.yaml"
        threads: all_cores(2)
        resources:
            mem_mb=growing_with_threads(2000),
            runtime=growing(120),
        params:
            settings=jobs.canonical(jobs.measure_settings(EXPERIMENT)),
        shell:
            "fewlabel destreaking --settings {params.settings:q} --csv {output.csv} --images {output.images} "
            "--threads {threads} > {log} 2>&1"


# ---------------------------------------------------------------------------------------------------------- record
rule record:
    """Write down the experiment with all its defaults, without the place of the data on this machine."""
    output:
        experiment=f"{STUDY}/experiment.yaml",
    log:
        f"{LOGS}/record.log",
    # Who watches the study learns from it how much there is to do.
    priority: 30
    conda:
        "../../envs/cpu.yaml"
    params:
        settings=jobs.canonical(EXPERIMENT.model_copy(update={"data_root": None})),
    shell:
        "fewlabel record --settings {params.settings:q} --experiment {output.experiment} > {log} 2>&1"
