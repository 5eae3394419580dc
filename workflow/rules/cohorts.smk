# From volumes to slices, and who is trained and tested on.


def fetch_settings(wildcards):
    """Settings of `fetch`, with what identifies the cohort's files where they lie on disk."""
    source = EXPERIMENT.cohorts[wildcards.cohort].source
    fingerprint = known_fingerprint(source, Path(f"{STUDY}/{wildcards.cohort}/source.json"))
    return jobs.canonical(jobs.fetch_settings(EXPERIMENT, wildcards.cohort, fingerprint))


# ------------------------------------------------------------------------------------------------- fetch and check
rule fetch:
    """Bring a cohort's volumes in (or find them), check all of them, list its subjects."""
    output:
        subjects=STUDY + "/{cohort}/subjects.csv",
        source=STUDY + "/{cohort}/source.json",
    params:
        settings=fetch_settings,
    log:
        LOGS + "/{cohort}/fetch.log",
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=2000,
        runtime=120,
    shell:
        "fewlabel fetch --settings {params.settings:q} --subjects {output.subjects} --source {output.source} > {log} 2>&1"


# ---------------------------------------------------------------------------------------------------------- splits
rule split:
    """Say who is tested, who may be labelled, who only pretrains."""
    input:
        subjects=rules.fetch.output.subjects,
    output:
        roles=STUDY + "/{cohort}/splits/roles.csv",
    params:
        settings=settings(jobs.split_settings),
    log:
        LOGS + "/{cohort}/split.log",
    conda:
        "../../envs/cpu.yaml"
    shell:
        "fewlabel split --settings {params.settings:q} --subjects {input.subjects} --roles {output.roles} > {log} 2>&1"


rule draw:
    """Put the labelled pool into the random order of one draw: N = 1 lies in N = 2, that in N = 4 and so on."""
    input:
        roles=rules.split.output.roles,
    output:
        order=STUDY + "/{cohort}/splits/draw{draw}.csv",
    params:
        settings=settings(jobs.draw_settings),
    log:
        LOGS + "/{cohort}/draw{draw}.log",
    conda:
        "../../envs/cpu.yaml"
    shell:
        "fewlabel draw --settings {params.settings:q} --roles {input.roles} --order {output.order} > {log} 2>&1"


rule admit:
    """Let training begin: every cohort is checked and split, and its pool holds the largest N.

    All training waits for it (as `ancient`: it never makes a finished training run again), so that bad input is met
    before any work starts.
    """
    input:
        roles=expand(rules.split.output.roles, cohort=EXPERIMENT.cohorts),
    output:
        admitted=STUDY + "/admitted.txt",
    params:
        settings=jobs.canonical(jobs.admit_settings(EXPERIMENT)),
    log:
        LOGS + "/admit.log",
    conda:
        "../../envs/cpu.yaml"
    shell:
        "fewlabel admit --settings {params.settings:q} --admitted {output.admitted} {input.roles} > {log} 2>&1"


# ---------------------------------------------------------------------------------------------------------- slices
rule prepare:
    """Bring volumes onto the working grid and pack their slices; keep the truth on its native grid."""
    input:
        subjects=rules.fetch.output.subjects,
        admitted=ancient(rules.admit.output.admitted),
    output:
        store=STUDY + "/{cohort}/slices/store.json",
        arrays=multiext(STUDY + "/{cohort}/slices/", "images.npy", "masks.npy", "index.csv", "subjects.csv"),
        native=directory(STUDY + "/{cohort}/native"),
    params:
        settings=settings(jobs.prepare_settings),
    log:
        LOGS + "/{cohort}/prepare.log",
    conda:
        "../../envs/cpu.yaml"
    threads: 4
    # All training of its cohort waits for it.
    priority: 20
    resources:
        mem_mb=4000,
        runtime=120,
    shell:
        "fewlabel prepare --settings {params.settings:q} --subjects {input.subjects} --store {output.store} "
        "--native {output.native} --threads {threads} > {log} 2>&1"
