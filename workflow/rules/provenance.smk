# The record of the whole study: commands, inputs, settings and software, so that each number has a known origin.

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
        # The record is the same for a checkout in another folder.
        workflow=Unwatched(CHECKOUT),
        folder=lambda wildcards, output: os.path.dirname(output.crate),
    message:
        "Write the provenance of the study (log: {log})"
    shell:
        "fewlabel provenance --settings {params.settings:q} --results {params.results} --workflow {params.workflow:q} "
        "--folder {params.folder} > {log} 2>&1"
