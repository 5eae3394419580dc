# The record of the whole study: what was run, on what and with what, so that each number leads back to its origin.

from fewlabel.config.jobs.provenance import provenance_settings


rule provenance:
    """Describe the finished study as an RO-Crate."""
    input:
        rules.figures.input,
        rules.tables.input,
        rules.pictures.input,
        runs=[LAYOUT.record(run) for run in TRAININGS],
    output:
        crate=LAYOUT.provenance,
    log:
        LAYOUT.log("provenance"),
    conda:
        "../../envs/cpu.yaml"
    params:
        settings=canonical(provenance_settings(EXPERIMENT)),
        results=lambda wildcards, output: os.path.dirname(os.path.dirname(output.crate)),
        # A checkout that lies elsewhere makes the same record.
        workflow=Unwatched(CHECKOUT),
        folder=lambda wildcards, output: os.path.dirname(output.crate),
    message:
        "Write the provenance of the study (log: {log})"
    shell:
        "fewlabel provenance --settings {params.settings:q} --results {params.results} --workflow {params.workflow:q} "
        "--folder {params.folder} > {log} 2>&1"
