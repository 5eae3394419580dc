# FewLabel: how few labelled volumes does a network need, and how many does self-supervised pretraining save?
#
#   snakemake                                           the default experiment (config.yaml)
#   snakemake --configfile experiments/paper.yaml       another one: an overlay on config.yaml
#   snakemake figures | tables                          only these
#
# All logic lives in the package `fewlabel` (workflow/fewlabel); each rule calls one command of it.

from snakemake.utils import min_version

min_version("9.19")


configfile: f"{workflow.basedir}/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/cluster.smk"
include: "workflow/rules/cohorts.smk"
include: "workflow/rules/learning.smk"
include: "workflow/rules/reporting.smk"


# Targets, and what takes a second or two: not worth a place in a cluster's queue.
localrules:
    all,
    figures,
    tables,
    admit,
    split,
    draw,
    collect,


rule all:
    """Every figure and table of the experiment."""
    default_target: True
    input:
        rules.figures.input,
        rules.tables.input,
