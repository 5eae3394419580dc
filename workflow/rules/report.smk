# How the study was made: one page that shows every figure and table, and how each was made.
# It is made from what Snakemake remembers of the jobs, beside the results: not where these lie in a storage.

REPORT = []

if not workflow.storage_settings.default_storage_provider:

    rule report:
        """Put figures, tables, captions, rules and runtimes into one page (Snakemake's own report)."""
        input:
            rules.figures.input,
            rules.tables.input,
            rules.pictures.input,
            rules.provenance.output,
            experiment=rules.record.output.experiment,
        output:
            html=LAYOUT.report,
        log:
            LAYOUT.log("report"),
        localrule: True
        conda:
            "../../envs/cpu.yaml"
        params:
            # A checkout that lies elsewhere makes the same report.
            workflow=Unwatched(CHECKOUT),
            # Another caption makes another report.
            captions=CAPTION_HASHES,
        message:
            "Write the report of the study (log: {log})"
        shell:
            "fewlabel report --workflow {params.workflow:q} --experiment {input.experiment} --html {output.html} > {log} 2>&1"

    REPORT = rules.report.output


# Everything that the results page shows or links to, beside figures and tables that are made from tables.
LINKED = [
    *rules.pictures.input,
    *rules.provenance.output,
    *rules.record.output,
    *REPORT,
    *unshared([LAYOUT.record(run) for run in TRAININGS]),
]
