# Reads all rules and outputs of a study for its report, without running them; `fewlabel report` calls it.
#
# Snakemake cannot report on a run that has not ended, so the rule `report` starts a second Snakemake.


RESULTS = "results"


include: "rules/common.smk"
include: "rules/fetched.smk"
include: "rules/cohorts.smk"
include: "rules/training.smk"
include: "rules/collecting.smk"
include: "rules/reporting.smk"
include: "rules/pictures.smk"
include: "rules/provenance.smk"


report: "report/study.rst"


rule all:
    """What the report shows."""
    default_target: True
    input:
        rules.figures.input,
        rules.tables.input,
        rules.pictures.input,
        rules.provenance.input,
    message:
        "What the report shows"
