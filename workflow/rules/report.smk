# The last of a study: one page that shows every figure and table, and how each was made.
# It is made from what Snakemake remembers of the jobs, beside the results: not where these lie in a storage.

from fewlabel.operations.hooks import snapshot
from fewlabel.utils import atomic_files

# Of figures and tables of installed packages.
INSTALLED_CAPTIONS = {item.caption for item in ITEMS if item.caption.is_absolute()}

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
        conda:
            "../../envs/cpu.yaml"
        params:
            # A checkout that lies elsewhere makes the same report.
            workflow=Unwatched(workflow.basedir),
            # Another caption makes another report.
            captions=sorted(
                [*snapshot.captions(Path(workflow.basedir)).values(), *map(atomic_files.sha256, INSTALLED_CAPTIONS)]
            ),
        message:
            "Write the report of the study (log: {log})"
        shell:
            "fewlabel report --workflow {params.workflow:q} --experiment {input.experiment} --html {output.html} > {log} 2>&1"

    REPORT = rules.report.output
