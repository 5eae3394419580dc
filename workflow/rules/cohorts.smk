# From volumes to slices, and the subjects of training and test.

from fewlabel.config.jobs.data import draw_settings, prepare_settings, split_settings
from fewlabel.config.jobs.grid import largest_n
from fewlabel.config.jobs.training import most_pretrained


# ------------------------------------------------------------------------------------------------- fetch and check
rule fetch:
    """Bring a cohort's volumes in (or find them), check all of them, list its subjects.

    The list lies in a folder named after the settings and files that it is of: a cohort that fails its check leaves
    the list of the last one that did not, and with it all finished results.
    """
    output:
        subjects=LAYOUT.fetched("{cohort}", "{key}", "subjects.csv"),
        source=LAYOUT.fetched("{cohort}", "{key}", "source.json"),
    log:
        LAYOUT.log("fetch_{key}", "{cohort}"),
    benchmark:
        LAYOUT.benchmark("fetch_{key}", "{cohort}")
    # A second attempt would fail like the first: the cohort is incomplete.
    retries: 0
    conda:
        "../../envs/cpu.yaml"
    threads: volumes_at_once(elsewhere=1)
    resources:
        mem_mb=growing_with_threads(2000),
        runtime=growing(120),
    params:
        settings=lambda wildcards: settings_of_fetch(wildcards.cohort),
        # Refuses a cohort whose split is impossible or whose volumes do not fit the working grid, before any result is
        # computed again.
        split=lambda wildcards: Unwatched(planned(wildcards.cohort)),
        largest=Unwatched(largest_n(EXPERIMENT)),
        pretrained=Unwatched(most_pretrained(EXPERIMENT)),
    message:
        "Fetch and check the volumes of {wildcards.cohort} (log: {log})"
    shell:
        "fewlabel fetch --settings {params.settings:q} --split {params.split:q} --largest {params.largest} --pretrained {params.pretrained} "
        "--subjects {output.subjects} --source {output.source} > {log} 2>&1"


# --------------------------------------------------------------------------------------------------------- admission
# Every cohort is checked before the first one is prepared or trained on, so that bad input is reported before any work
# starts. After the check the rule no longer exists: otherwise a later change of one cohort would run it, and with it all
# jobs of all cohorts. (`ancient` does not help: Snakemake 9.27 overlooks changes of jobs downstream of a job that runs,
# and then does not run them because their input is ancient.)
ADMITTED = LAYOUT.admitted

if not Path(ADMITTED).exists():

    rule admit:
        """Every cohort is checked: work may begin."""
        input:
            [fetched(cohort, "subjects.csv") for cohort in EXPERIMENT.cohorts],
        output:
            ADMITTED,
        log:
            LAYOUT.log("admit"),
        localrule: True
        conda:
            "../../envs/cpu.yaml"
        message:
            "All cohorts passed their checks"
        shell:
            "(echo 'Every cohort is checked.' > {output}.partial && mv {output}.partial {output}) > {log} 2>&1"


# ---------------------------------------------------------------------------------------------------------- splits
# A study keeps its test subjects when subjects are added, so the earlier table of roles must exist while the new one is
# computed. Snakemake does not fetch old outputs from a storage, so with a storage every split is that of a new study.
KEPT_ROLES = ROLES if workflow.storage_settings.default_storage_provider else update(ROLES)


rule split:
    """Say who is tested, who may be labelled, who only pretrains."""
    input:
        subjects=lambda wildcards: fetched(cohort_of(wildcards.cohort), "subjects.csv"),
        source=lambda wildcards: fetched(cohort_of(wildcards.cohort), "source.json"),
    output:
        roles=KEPT_ROLES,
        source=LAYOUT.source("{cohort}"),
    log:
        LAYOUT.log("split", "{cohort}"),
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        settings=settings(split_settings),
    message:
        "Split {wildcards.cohort} into test set, labelled pool and pretraining (log: {log})"
    shell:
        "fewlabel split --settings {params.settings:q} --subjects {input.subjects} --source {input.source} "
        "--roles {output.roles} --record {output.source} > {log} 2>&1"


rule draw:
    """Put the labelled pool into the random order of one draw: N = 1 lies in N = 2, that in N = 4 and so on."""
    input:
        roles=rules.split.output.roles,
    output:
        order=LAYOUT.order("{cohort}", "{draw}"),
    log:
        LAYOUT.log("draw{draw}", "{cohort}"),
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        settings=settings(draw_settings),
    message:
        "Shuffle the labelled pool of {wildcards.cohort}, draw {wildcards.draw} (log: {log})"
    shell:
        "fewlabel draw --settings {params.settings:q} --roles {input.roles} --order {output.order} > {log} 2>&1"


# ---------------------------------------------------------------------------------------------------------- slices
rule prepare:
    """Bring volumes onto the working grid and pack their slices; keep the truth on its native grid."""
    input:
        subjects=lambda wildcards: fetched(wildcards.cohort, "subjects.csv"),
        admitted=ADMITTED,
    output:
        store=STORE,
        arrays=ARRAYS,
        native=directory(NATIVE),
    log:
        LAYOUT.log("prepare", "{cohort}"),
    benchmark:
        LAYOUT.benchmark("prepare", "{cohort}")
    # All trainings of the cohort wait for this job.
    priority: 20
    conda:
        "../../envs/cpu.yaml"
    # One thread per subject; a thread needs less than 300 MB for volumes of 320 x 320 x 20 voxels.
    threads: all_cores(elsewhere=4)
    resources:
        mem_mb=growing_with_threads(1000),
        runtime=growing(120),
    params:
        settings=settings(prepare_settings),
    message:
        "Resample the volumes of {wildcards.cohort} and write their slices (log: {log})"
    shell:
        "fewlabel prepare --settings {params.settings:q} --subjects {input.subjects} --store {output.store} "
        "--native {output.native} --threads {threads} > {log} 2>&1"
