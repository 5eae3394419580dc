# FewLabel: how few labelled volumes does a network need, and how many does self-supervised pretraining save?
#
#   snakemake                                           the default experiment (config.yaml)
#   snakemake --configfile experiments/paper.yaml       another one: an overlay on config.yaml
#   snakemake figures | tables | pictures | provenance  only these
#   snakemake -n -q rules                               the number of jobs of each kind, without running them
# All logic lives in the package `fewlabel` (workflow/fewlabel); each rule calls one command of it.


configfile: f"{workflow.current_basedir}/config.yaml"


RESULTS = "results"


include: "workflow/rules/common.smk"
include: "workflow/rules/fetched.smk"
include: "workflow/rules/cluster.smk"
include: "workflow/rules/gpus.smk"
include: "workflow/rules/cohorts.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/collecting.smk"
include: "workflow/rules/reporting.smk"
include: "workflow/rules/pictures.smk"
include: "workflow/rules/provenance.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/results_page.smk"
include: "workflow/rules/progress.smk"
include: "workflow/rules/resume.smk"


rule all:
    """Every figure, page and table of the experiment, the files they come from, the record and the report."""
    input:
        MADE,
        rules.record.output,
        rules.figures.input,
        rules.tables.input,
        rules.pictures.input,
        rules.provenance.output,
        REPORT,
        rules.results_page.output,
    localrule: True
    message:
        f"Results of {EXPERIMENT.study}"
