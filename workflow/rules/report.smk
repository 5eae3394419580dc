# Snakemake's report: one page with every figure and table, and the job that made it.
# It needs Snakemake's records of the jobs next to the results, so it is not available with a storage.

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
            # The report is the same for a checkout in another folder.
            workflow=Unwatched(CHECKOUT),
            # A changed caption changes the report.
            captions=CAPTION_HASHES,
        message:
            "Write the report of the study (log: {log})"
        shell:
            "fewlabel report --workflow {params.workflow:q} --experiment {input.experiment} --html {output.html} > {log} 2>&1"

    REPORT = rules.report.output


# The files that the results page shows or links to, without the figures and tables that are drawn from tables.
LINKED = [
    *rules.pictures.input,
    *rules.provenance.output,
    *rules.record.output,
    *REPORT,
    *unshared([LAYOUT.record(run) for run in TRAININGS]),
]
