# Figures and pages that need volumes, weights or predictions, which published studies do not have.
#
# Each rule adds its outputs to PICTURES: the targets `pictures` and `all` and the provenance ask for them. A rule without
# content in this study is not defined.

from fewlabel.config.jobs.figures.explorer import explorer_settings
from fewlabel.config.jobs.figures.quality import contact_sheet_settings, quality_settings

PICTURES = []


# --------------------------------------------------------------------------------------------------------- cohorts
QUALITY = [f"{STUDY}/tables/quality_{{cohort}}.{end}" for end in ("csv", "md", "html")]
SHEET = f"{STUDY}/figures/contact_sheet_{{cohort}}.png"


rule quality:
    """List the volumes of a cohort with warnings."""
    input:
        store=STORE,
        arrays=unshared(ARRAYS),
        roles=ROLES,
        native=unshared(NATIVE),
    output:
        csv=QUALITY[0],
        markdown=QUALITY[1],
    log:
        f"{LOGS}/{{cohort}}/quality.log",
    benchmark:
        LAYOUT.benchmark("quality", "{cohort}")
    # Problems of the data are seen before hours of training.
    priority: 15
    conda:
        "../../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        settings=settings(quality_settings),
        # The content of the folder is a setting here: as an input, new dates alone would run the rule again.
        native=lambda wildcards, input: input.get("native") or NATIVE.format(cohort=wildcards.cohort),
    message:
        "Check the quality of the volumes of {wildcards.cohort} (log: {log})"
    shell:
        "fewlabel quality --settings {params.settings:q} --store {input.store} --roles {input.roles} "
        "--native {params.native:q} --csv {output.csv} --markdown {output.markdown} "
        "--threads {threads} > {log} 2>&1"


rule contact_sheet:
    """Slices of every subject of a cohort with its mask outlined, and one page of them and the table."""
    input:
        store=STORE,
        arrays=unshared(ARRAYS),
        quality=QUALITY[0],
    output:
        png=report(SHEET, **cohort_page("contact_sheet", "contact sheet")),
        html=report(QUALITY[2], **cohort_page("quality", "volumes and warnings")),
    log:
        f"{LOGS}/{{cohort}}/contact_sheet.log",
    benchmark:
        LAYOUT.benchmark("contact_sheet", "{cohort}")
    priority: 15
    conda:
        "../../envs/cpu.yaml"
    params:
        settings=settings(contact_sheet_settings),
    message:
        "Draw the contact sheet of {wildcards.cohort} (log: {log})"
    shell:
        "fewlabel contact-sheet --settings {params.settings:q} --store {input.store} --quality {input.quality} "
        "--png {output.png} --html {output.html} > {log} 2>&1"


PICTURES += expand([*QUALITY, SHEET], cohort=EXPERIMENT.cohorts)


# --------------------------------------------------------------------------------------------------------- figures
# Of pretexts, of networks, and of predictions.
for item in ITEMS:
    if item.specification.needs_volumes:

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
        PICTURES += [f"{STUDY}/{path}" for path in item.outputs]


# ----------------------------------------------------------------------------------------------------------- pages
rule explorer:
    """One page to explore the study: label curves, volumes with predictions, differences, facts, settings."""
    input:
        scores=SCORES,
        stores=expand(STORE, cohort=EXPERIMENT.cohorts),
        native=unshared(expand(NATIVE, cohort=EXPERIMENT.cohorts)),
        predictions=unshared([LAYOUT.predictions(run) for run in FINETUNINGS]),
        runs=[LAYOUT.record(run) for run in TRAININGS],
    output:
        page=LAYOUT.explorer,
    log:
        f"{LOGS}/explorer.log",
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(3000),
        runtime=growing(60),
    params:
        settings=canonical(explorer_settings(EXPERIMENT)),
        results=lambda wildcards, output: os.path.dirname(output.page),
    message:
        "Write the explorer of the study (log: {log})"
    shell:
        "fewlabel explorer --settings {params.settings:q} --results {params.results} --page {output.page} > {log} 2>&1"


PICTURES += rules.explorer.output


# --------------------------------------------------------------------------------------------------------- targets
rule pictures:
    """All figures and pages that need volumes, weights or predictions."""
    input:
        PICTURES,
    localrule: True
    message:
        "Figures and pages from volumes and networks"
