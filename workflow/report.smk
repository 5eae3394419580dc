# What a study's report is made of: all its rules and what they made, read once more. Nothing runs; `fewlabel report` calls it.
#
# A Snakemake cannot report on a run of its own that is still under way, so the rule `report` starts another one.


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
