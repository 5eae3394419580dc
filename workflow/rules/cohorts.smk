# From volumes to slices, and who is trained and tested on.


# ------------------------------------------------------------------------------------------------- fetch and check
rule fetch:
    """Bring a cohort's volumes in (or find them), check all of them, list its subjects."""
    output:
        subjects=f"{STUDY}/{{cohort}}/subjects.csv",
        source=f"{STUDY}/{{cohort}}/source.json",
    log:
        f"{LOGS}/{{cohort}}/fetch.log",
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        settings=lambda wildcards: fetch_settings(wildcards.cohort),
    shell:
        "fewlabel fetch --settings {params.settings:q} --subjects {output.subjects} --source {output.source} > {log} 2>&1"


# ---------------------------------------------------------------------------------------------------------- splits
rule split:
    """Say who is tested, who may be labelled, who only pretrains; refuse an N that the pool does not hold."""
    input:
        subjects=rules.fetch.output.subjects,
    output:
        roles=f"{STUDY}/{{cohort}}/splits/roles.csv",
        pool=f"{STUDY}/{{cohort}}/splits/pool.json",
    log:
        f"{LOGS}/{{cohort}}/split.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        settings=settings(jobs.split_settings),
        # A new N must not make the split, and all that follows from it, again.
        largest=Unwatched(jobs.largest_n(EXPERIMENT)),
    shell:
        "fewlabel split --settings {params.settings:q} --subjects {input.subjects} --largest {params.largest} "
        "--roles {output.roles} --pool {output.pool} > {log} 2>&1"


rule draw:
    """Put the labelled pool into the random order of one draw: N = 1 lies in N = 2, that in N = 4 and so on."""
    input:
        roles=rules.split.output.roles,
    output:
        order=f"{STUDY}/{{cohort}}/splits/draw{{draw}}.csv",
    log:
        f"{LOGS}/{{cohort}}/draw{{draw}}.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        settings=settings(jobs.draw_settings),
    shell:
        "fewlabel draw --settings {params.settings:q} --roles {input.roles} --order {output.order} > {log} 2>&1"


# --------------------------------------------------------------------------------------------------------- admission
# Every cohort is checked and split before the first of them is prepared or trained on, so that bad input is met before
# any work starts. Once that has happened the rule is gone: while it exists, a later change of one cohort would run it,
# and with it everything of all cohorts. (`ancient` is no way out: Snakemake 9.27 skips the changes of jobs downstream of
# a job that runs, and then does not run them because their input is ancient.)
ADMITTED = f"{STUDY}/admitted.txt"

if not Path(ADMITTED).exists():

    rule admit:
        """Every cohort is checked and split: work may begin."""
        input:
            expand(rules.split.output.roles, cohort=EXPERIMENT.cohorts),
        output:
            ADMITTED,
        log:
            f"{LOGS}/admit.log",
        conda:
            "../../envs/cpu.yaml"
        shell:
            "echo 'Every cohort is checked and split.' > {output} 2> {log}"


# ---------------------------------------------------------------------------------------------------------- slices
rule prepare:
    """Bring volumes onto the working grid and pack their slices; keep the truth on its native grid."""
    input:
        subjects=rules.fetch.output.subjects,
        admitted=ADMITTED,
    output:
        store=f"{STUDY}/{{cohort}}/slices/store.json",
        arrays=multiext(f"{STUDY}/{{cohort}}/slices/", "images.npy", "masks.npy", "index.csv", "subjects.csv"),
        native=directory(f"{STUDY}/{{cohort}}/native"),
    log:
        f"{LOGS}/{{cohort}}/prepare.log",
    # All training of its cohort waits for it.
    priority: 20
    conda:
        "../../envs/cpu.yaml"
    threads: 4
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        settings=settings(jobs.prepare_settings),
    shell:
        "fewlabel prepare --settings {params.settings:q} --subjects {input.subjects} --store {output.store} "
        "--native {output.native} --threads {threads} > {log} 2>&1"
