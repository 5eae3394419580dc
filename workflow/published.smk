# Redraws every figure, table and the results page of a published study from its tables alone: no data, no weights, no GPU.
#
#   make figures                                        every study in results/published
#   make figures STUDY=demo SETTINGS=my.yaml            one of them, with your settings in place of its own
#
# No rule here trains: without its tables, a study is refused. Figures and tables of reporting.smk are drawn by the same
# rules and commands for a study's results and for a published study.


from fewlabel.operations.hooks.finished import finished
from fewlabel.utils.recorded_hashes import check_published

RESULTS = "results/published"


include: "rules/common.smk"


# Without this, Snakemake would silently accept existing figures whose tables are missing.
NEEDED = dict.fromkeys(path for item in ITEMS if not item.specification.needs_volumes for path in made_from(item))
if missing := [table for table in NEEDED if not Path(table).is_file()]:
    raise WorkflowError(f"{STUDY}: no {', '.join(missing)}; to fix: publish the study again, or restore it from git")


# Figures are not drawn from tables that were edited or damaged.
try:
    check_published(Path(STUDY))
except InputError as error:
    raise WorkflowError(str(error)) from None


include: "rules/reporting.smk"


LINKED = [LAYOUT.experiment]


include: "rules/results_page.smk"


onsuccess:
    print(finished(Path(STUDY)), file=sys.stderr)


rule all:
    """The results page, and every figure and table of the published study."""
    default_target: True
    input:
        rules.figures.input,
        rules.tables.input,
        rules.results_page.output,
    localrule: True
    message:
        f"Figures and tables of {EXPERIMENT.study}"
