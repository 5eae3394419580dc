# Figures and tables drawn from tables alone (no weights, images or GPU), of a study's results or of a published study.
#
# One rule for each entry of `fewlabel.config.jobs.figures.registry`, including those of installed packages.

for item in ITEMS:
    if not item.specification.needs_volumes:

        rule:
            name:
                item.rule
            input:
                made_from(item),
            output:
                **files_of(item),
            log:
                f"{LOGS}/{item.rule}.log",
            conda:
                "../../envs/cpu.yaml"
            params:
                settings=canonical(item.settings),
                command=command_of(item),
            message:
                f"{item.title} (log: {{log}})"
            shell:
                "fewlabel {params.command} --settings {params.settings:q} > {log} 2>&1"

        getattr(rules, item.rule).rule.docstring = item.specification.summary


# --------------------------------------------------------------------------------------------------------- targets
rule figures:
    """All figures."""
    input:
        made_of("figure"),
    localrule: True
    message:
        "Figures from tables"


rule tables:
    """All tables."""
    input:
        made_of("table"),
    localrule: True
    message:
        "Tables"
