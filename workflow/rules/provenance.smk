# The record of the whole study: what was run, on what and with what, so that each number leads back to its origin.


# ----------------------------------------------------------------------------------------------------------- crate
rule crate:
    """Describe the finished study as an RO-Crate."""
    input:
        rules.figures.input,
        rules.tables.input,
        rules.pictures.input,
        runs=[LAYOUT.record(run) for run in TRAININGS],
    output:
        metadata=LAYOUT.crate,
    log:
        LAYOUT.log("crate"),
    conda:
        "../../envs/cpu.yaml"
    params:
        settings=jobs.canonical(jobs.crate_settings(EXPERIMENT)),
        results=lambda wildcards, output: os.path.dirname(os.path.dirname(output.metadata)),
        # A checkout that lies elsewhere makes the same crate.
        workflow=Unwatched(workflow.basedir),
        crate=lambda wildcards, output: os.path.dirname(output.metadata),
    message:
        "Write the provenance of the study (log: {log})"
    shell:
        "fewlabel crate --settings {params.settings:q} --results {params.results} --workflow {params.workflow:q} "
        "--crate {params.crate} > {log} 2>&1"


# --------------------------------------------------------------------------------------------------------- targets
rule provenance:
    """The record of the study."""
    input:
        rules.crate.output,
    message:
        "The provenance of the study"
