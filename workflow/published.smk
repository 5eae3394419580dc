# Redraws every figure, table and the results page of a published study from its tables alone: no data, no weights, no GPU.
#
#   make figures                                        every study in results/published
#   make figures STUDY=demo SETTINGS=my.yaml            one of them, with settings of one's own laid over its experiment
#
# No rule here could train: the tables are there, or the study is refused. Anything that reporting.smk draws from
# tables comes out of both a study's results and a published study, by the same rules and commands.


from fewlabel.operations.hooks.finished import finished
from fewlabel.utils.recorded_hashes import check_published

RESULTS = "results/published"


include: "rules/common.smk"


# Snakemake takes figures that are there for finished where what they are drawn from is gone, and would say nothing.
NEEDED = dict.fromkeys(path for item in ITEMS if not item.specification.needs_volumes for path in made_from(item))
if missing := [table for table in NEEDED if not Path(table).is_file()]:
    raise WorkflowError(f"{STUDY} is not whole: no {', '.join(missing)}; publish it again, or restore it from git")


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
