# Figures and tables from tables alone (no weights, no images, no GPU), of a study's results or of a published study.


# --------------------------------------------------------------------------------------------------------- figures
rule figure2_scheme:
    """The two steps as the experiment sets them, with the cohorts beneath."""
    input:
        roles=ALL_ROLES,
        subjects=expand(SUBJECT_FACTS, cohort=EXPERIMENT.cohorts),
    output:
        png=shown(f"{STUDY}/figures/figure2_scheme.png", "figure2_scheme", "Figures", figure="Figure 2: the two steps"),
        pdf=f"{STUDY}/figures/figure2_scheme.pdf",
    log:
        f"{LOGS}/figure2_scheme.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        settings=jobs.canonical(jobs.scheme_settings(EXPERIMENT)),
        results=lambda wildcards, output: os.path.dirname(os.path.dirname(output.png)),
    shell:
        "fewlabel scheme --settings {params.settings:q} --results {params.results} --png {output.png} "
        "--pdf {output.pdf} > {log} 2>&1"


rule figure3_label_curves:
    """Mean Dice against the number of labelled subjects: a panel a cohort, a colour a method."""
    input:
        scores=SCORES,
    output:
        png=shown(
            f"{STUDY}/figures/figure3_label_curves.png",
            "figure3_label_curves",
            "Figures",
            figure="Figure 3: Dice against N",
        ),
        pdf=f"{STUDY}/figures/figure3_label_curves.pdf",
    log:
        f"{LOGS}/figure3_label_curves.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        settings=jobs.canonical(jobs.curves_settings(EXPERIMENT)),
    shell:
        "fewlabel label-curves --settings {params.settings:q} --scores {input.scores} --png {output.png} "
        "--pdf {output.pdf} > {log} 2>&1"


rule label_efficiency:
    """Share of the supervised score that each method reaches, against the number of labels."""
    input:
        scores=SCORES,
    output:
        png=shown(f"{STUDY}/figures/label_efficiency.png", "label_efficiency", "Figures", figure="Label efficiency"),
        pdf=f"{STUDY}/figures/label_efficiency.pdf",
    log:
        f"{LOGS}/label_efficiency.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        settings=jobs.canonical(jobs.efficiency_settings(EXPERIMENT)),
    shell:
        "fewlabel label-efficiency --settings {params.settings:q} --scores {input.scores} --png {output.png} "
        "--pdf {output.pdf} > {log} 2>&1"


rule paired_subjects:
    """Each test subject's Dice with a method and with its control, and their mean difference."""
    input:
        scores=SCORES,
    output:
        png=shown(f"{STUDY}/figures/paired_subjects.png", "paired_subjects", "Figures", figure="Test subjects in pairs"),
        pdf=f"{STUDY}/figures/paired_subjects.pdf",
    log:
        f"{LOGS}/paired_subjects.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        settings=jobs.canonical(jobs.paired_settings(EXPERIMENT)),
    shell:
        "fewlabel paired-subjects --settings {params.settings:q} --scores {input.scores} --png {output.png} "
        "--pdf {output.pdf} > {log} 2>&1"


rule differences:
    """Every method's mean difference in Dice to the control at each N, as in table 3."""
    input:
        scores=SCORES,
    output:
        png=shown(f"{STUDY}/figures/differences.png", "differences", "Figures", figure="Differences to the control"),
        pdf=f"{STUDY}/figures/differences.pdf",
    log:
        f"{LOGS}/differences.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        settings=jobs.canonical(jobs.differences_settings(EXPERIMENT)),
    shell:
        "fewlabel differences --settings {params.settings:q} --scores {input.scores} --png {output.png} "
        "--pdf {output.pdf} > {log} 2>&1"


rule learning_curves:
    """The loss of every training against its step: a small panel for each cohort and stage."""
    input:
        # None of a published study whose histories are too large.
        history=HISTORY if RESULTS == "results" or Path(HISTORY).is_file() else [],
    output:
        png=shown(f"{STUDY}/figures/learning_curves.png", "learning_curves", "Figures", figure="Learning curves"),
        pdf=f"{STUDY}/figures/learning_curves.pdf",
    log:
        f"{LOGS}/learning_curves.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        settings=jobs.canonical(jobs.learning_settings(EXPERIMENT)),
        history=lambda wildcards, input: f"--history {input.history}" if input.history else "",
    shell:
        "fewlabel learning-curves --settings {params.settings:q} {params.history} --png {output.png} "
        "--pdf {output.pdf} > {log} 2>&1"


# ---------------------------------------------------------------------------------------------------------- tables
rule table1_cohorts:
    """The subjects of each cohort and what they are used for."""
    input:
        roles=ALL_ROLES,
        subjects=expand(SUBJECT_FACTS, cohort=EXPERIMENT.cohorts),
    output:
        csv=f"{STUDY}/tables/table1_cohorts.csv",
        markdown=f"{STUDY}/tables/table1_cohorts.md",
        latex=f"{STUDY}/tables/table1_cohorts.tex",
        html=shown(f"{STUDY}/tables/table1_cohorts.html", "table1_cohorts", "Tables", table="Table 1: cohorts"),
    log:
        f"{LOGS}/table1_cohorts.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        settings=jobs.canonical(jobs.cohort_table_settings(EXPERIMENT)),
        results=lambda wildcards, output: os.path.dirname(os.path.dirname(output.csv)),
    shell:
        "fewlabel cohort-table --settings {params.settings:q} --results {params.results} --csv {output.csv} "
        "--markdown {output.markdown} --latex {output.latex} --html {output.html} > {log} 2>&1"


DICE_TABLE = jobs.dice_table_settings(EXPERIMENT)


rule table2_dice:
    """Dice by cohort, method and N, with intervals and the paper's numbers."""
    input:
        scores=SCORES,
        # Needed if the diagonal of a volume replaces an undefined distance.
        subjects=expand(SUBJECT_FACTS, cohort=EXPERIMENT.cohorts) if DICE_TABLE.hd95_missing == "diagonal" else [],
    output:
        csv=f"{STUDY}/tables/table2_dice.csv",
        markdown=f"{STUDY}/tables/table2_dice.md",
        latex=f"{STUDY}/tables/table2_dice.tex",
        html=shown(f"{STUDY}/tables/table2_dice.html", "table2_dice", "Tables", table="Table 2: Dice"),
    log:
        f"{LOGS}/table2_dice.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        settings=jobs.canonical(DICE_TABLE),
    shell:
        "fewlabel dice-table --settings {params.settings:q} --scores {input.scores} --csv {output.csv} "
        "--markdown {output.markdown} --latex {output.latex} --html {output.html} > {log} 2>&1"


rule table3_differences:
    """Paired differences to the control with intervals, tests and effect sizes."""
    input:
        scores=SCORES,
    output:
        csv=f"{STUDY}/tables/table3_differences.csv",
        markdown=f"{STUDY}/tables/table3_differences.md",
        latex=f"{STUDY}/tables/table3_differences.tex",
        html=shown(
            f"{STUDY}/tables/table3_differences.html", "table3_differences", "Tables", table="Table 3: differences"
        ),
    log:
        f"{LOGS}/table3_differences.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        settings=jobs.canonical(jobs.difference_table_settings(EXPERIMENT)),
    shell:
        "fewlabel difference-table --settings {params.settings:q} --scores {input.scores} --csv {output.csv} "
        "--markdown {output.markdown} --latex {output.latex} --html {output.html} > {log} 2>&1"


rule table4_labels:
    """Labelled subjects that each method needs for shares of the benchmark's score, and labels saved."""
    input:
        scores=SCORES,
    output:
        csv=f"{STUDY}/tables/table4_labels.csv",
        markdown=f"{STUDY}/tables/table4_labels.md",
        latex=f"{STUDY}/tables/table4_labels.tex",
        html=shown(f"{STUDY}/tables/table4_labels.html", "table4_labels", "Tables", table="Table 4: labels needed"),
    log:
        f"{LOGS}/table4_labels.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        settings=jobs.canonical(jobs.labels_table_settings(EXPERIMENT)),
    shell:
        "fewlabel labels-table --settings {params.settings:q} --scores {input.scores} --csv {output.csv} "
        "--markdown {output.markdown} --latex {output.latex} --html {output.html} > {log} 2>&1"


# ----------------------------------------------------------------------------------------------------- destreaking
# Of a study that asks for it.
DESTREAKING_FIGURE = []
DESTREAKING_TABLE = []

if DESTREAKING:

    rule destreaking_figure:
        """A slice of a phantom after each method of de-streaking, and the measures over the arms' signal."""
        input:
            csv=MEASURES[0],
            images=MEASURES[1],
        output:
            png=shown(
                f"{STUDY}/figures/destreaking.png", "destreaking_figure", "Figures", figure="De-streaking methods"
            ),
            pdf=f"{STUDY}/figures/destreaking.pdf",
        log:
            f"{LOGS}/destreaking_figure.log",
        conda:
            "../../envs/cpu.yaml"
        params:
            settings=jobs.canonical(DESTREAKING),
        shell:
            "fewlabel destreaking-figure --settings {params.settings:q} --measures {input.csv} --images {input.images} "
            "--png {output.png} --pdf {output.pdf} > {log} 2>&1"

    rule destreaking_table:
        """The measures of each method of de-streaking at each signal of the arms."""
        input:
            csv=MEASURES[0],
        output:
            csv=f"{STUDY}/tables/destreaking.csv",
            markdown=f"{STUDY}/tables/destreaking.md",
            latex=f"{STUDY}/tables/destreaking.tex",
            html=shown(f"{STUDY}/tables/destreaking.html", "destreaking_table", "Tables", table="De-streaking methods"),
        log:
            f"{LOGS}/destreaking_table.log",
        conda:
            "../../envs/cpu.yaml"
        params:
            settings=jobs.canonical(DESTREAKING),
        shell:
            "fewlabel destreaking-table --settings {params.settings:q} --measures {input.csv} --csv {output.csv} "
            "--markdown {output.markdown} --latex {output.latex} --html {output.html} > {log} 2>&1"

    DESTREAKING_FIGURE += rules.destreaking_figure.output
    DESTREAKING_TABLE += rules.destreaking_table.output


# --------------------------------------------------------------------------------------------------------- targets
rule figures:
    """All figures."""
    input:
        rules.figure2_scheme.output,
        rules.figure3_label_curves.output,
        rules.label_efficiency.output,
        rules.paired_subjects.output,
        rules.differences.output,
        rules.learning_curves.output,
        DESTREAKING_FIGURE,


rule tables:
    """All tables."""
    input:
        rules.table1_cohorts.output,
        rules.table2_dice.output,
        rules.table3_differences.output,
        rules.table4_labels.output,
        DESTREAKING_TABLE,
